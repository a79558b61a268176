"""Plays a calibrated market before it is written, and judges whether it holds the flow that it was calibrated to.

The agents are the zero-intelligence order flow of conf/population/background, with the whole flow instead of three
quarters of it. Data and played market are measured by the same functions, see `targets`; the quotes of a played market
too are those after each event.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

import numpy as np

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.calibration.readers.recorder import Recording
from marl_market.calibration.targets import active_seconds, best_quotes, rate, volatility
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.best_bid_offer import BestBidOffer
from marl_market.env.order_counts import order_counts
from marl_market.env.population.group import Group
from marl_market.env.recording.tape import TapeRecorder
from marl_market.env.rewards.profit import Profit
from marl_market.evaluation.order_warnings import REMEDIES
from marl_market.exchange.codes import Reason
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import FlowKind, Tape
from marl_market.market.tape_parts import joined

MARKETS = 8
SEATS = 4
MINUTE = 60.0
FEWEST_STEPS, MOST_STEPS = 60, 20_000
LARGEST_REJECTED_SHARE = 0.005
"""Share of its own orders that a market may reject."""
MOST_ORDERS_A_STEP = 4
"""Limit orders of a seat in a step, beyond which a shorter step is proposed."""
FEWEST_TRADES = 10.0
"""Trades that the data let expect, from which on a market without any is at fault."""
LARGEST_ORDER_LOTS = 10**6
"""Size of the largest order in the lot that an error proposes: far within the limits of any market."""


@dataclass(frozen=True)
class Played:
    """What was played.

    Attributes:
        recording: all markets one after the other, each of their sessions a session.
        orders: sent, rejected ones included.
        rejections: of them, by reason, most first.
    """

    recording: Recording
    orders: int
    rejections: Mapping[Reason, int]


def play(spec: MarketSpec, recording: Recording) -> Played:
    """Play `MARKETS` markets for a minute each, in as many sessions as that takes, in this process.

    A minute is `FEWEST_STEPS` at least and `MOST_STEPS` at most.

    Args:
        spec: the market.
        recording: that it was calibrated to.
    """
    groups = [Group("noise", ZeroIntelligence(), SEATS)]
    environment = EnvironmentSpec(spec, groups, {"quote": BestBidOffer()}, MarketDiscrete(), {"profit": Profit()})
    batch = BatchMarket(environment, MARKETS)
    recorders = [TapeRecorder(batch, market) for market in range(MARKETS)]
    total = min(max(FEWEST_STEPS, math.ceil(MINUTE / spec.step_seconds)), MOST_STEPS)
    sessions = math.ceil(total / spec.session_steps)
    steps = math.ceil(total / sessions)
    tapes, orders, rejections = [], 0, np.zeros(len(Reason), np.int64)
    for session in range(sessions):
        batch.reset(range(session * MARKETS, (session + 1) * MARKETS))
        for recorder in recorders:
            recorder.open()
        batch.play(steps, recorders=recorders)
        counts = order_counts(batch)
        tapes += [recorder.tape() for recorder in recorders]
        orders += int(counts.orders.sum())
        rejections = rejections + counts.rejections.sum((0, 1))
    by_reason = {Reason(each): int(rejections[each]) for each in np.argsort(-rejections, kind="stable").tolist()}
    return Played(
        _joined(tapes, steps * spec.step_ns, recording),
        orders,
        {reason: count for reason, count in by_reason.items() if count},
    )


def compare(recording: Recording, played: Played) -> str:
    """Return a table of the data and the played market, and the rejected orders by reason."""
    seconds = active_seconds(played.recording) / MARKETS
    lines = [f"{f'played for {seconds:.4g} s in {MARKETS} markets':36} {'data':>12} {'played':>12}"]
    for name, function in FIGURES.items():
        lines.append(f"  {name:34} {_text(function, recording):>12} {_text(function, played.recording):>12}")
    rejected = sum(played.rejections.values())
    lines.append(f"  rejected orders: {_share(rejected, played.orders)}")
    lines += [f"    {reason.name}: {_share(count, played.orders)}" for reason, count in played.rejections.items()]
    return "\n".join(lines)


def fault(spec: MarketSpec, recording: Recording, played: Played) -> str:
    """Return how the played market fails to hold its own flow, and what would help; empty where it does not."""
    rejected = sum(played.rejections.values())
    if rejected > LARGEST_REJECTED_SHARE * played.orders:
        reasons = [each for each, count in played.rejections.items() if count > LARGEST_REJECTED_SHARE * played.orders]
        remedies = dict.fromkeys(_remedy(each, spec, recording) for each in reasons or played.rejections)
        by_reason = ", ".join(f"{each.name} {count / played.orders:.2%}" for each, count in played.rejections.items())
        return (
            f"it rejects {rejected / played.orders:.2%} of its {played.orders} orders, and must reject "
            f"{LARGEST_REJECTED_SHARE:.1%} or less: {by_reason}; what helps is {', and '.join(remedies)}"
        )
    wanted = _trade_rate(recording)
    if not len(played.recording.trades) and wanted * active_seconds(played.recording) >= FEWEST_TRADES:
        return (
            f"nothing trades, while the data have {wanted:.4g} trades a second; what helps is a part of the data "
            "(start, end) with orders of all kinds on both sides, and the tick_size and lot_size of the venue"
        )
    return ""


def _joined(tapes: list[Tape], length_ns: int, recording: Recording) -> Recording:
    """Return tapes of equal length one after the other."""
    starts = np.arange(len(tapes)) * 2 * length_ns
    shifts = [start - int(tape.quotes["time_ns"][0]) for start, tape in zip(starts.tolist(), tapes, strict=True)]
    tables = joined(tapes, shifts)
    return replace(
        recording,
        lot_size=tapes[0].lot_size,
        quotes=tables["quotes"],
        trades=tables["trades"],
        flow=tables["flow"],
        orders=tables["orders"],
        hidden=np.zeros(len(tables["trades"]), np.bool_),
        sessions=np.stack([starts, starts + length_ns], axis=1),
    )


def _flow_rate(kind: FlowKind, recording: Recording) -> float:
    return rate(recording.flow[recording.flow["kind"] == kind], recording)


def _trade_rate(recording: Recording) -> float:
    return rate(recording.trades, recording)


FIGURES: Mapping[str, Callable[[Recording], float]] = {
    "spread, ticks": lambda recording: best_quotes(recording)[0],
    "depth of a best quote, units": lambda recording: best_quotes(recording)[1] * recording.lot_size,
    "volatility, ticks in a second": volatility,
    "trades a second": _trade_rate,
    "limit orders a second": partial(_flow_rate, FlowKind.LIMIT),
    "market orders a second": partial(_flow_rate, FlowKind.MARKET),
    "cancels a second": partial(_flow_rate, FlowKind.CANCEL),
}
"""What the table compares."""


def _text(function: Callable[[Recording], float], recording: Recording) -> str:
    try:
        return f"{function(recording):.4g}"
    except ValueError:  # of a book that never has both sides
        return "none"


def _share(count: int, total: int) -> str:
    return f"{count} of {total} ({count / max(total, 1):.2%})"


def _remedy(reason: Reason, spec: MarketSpec, recording: Recording) -> str:
    flow = spec.flow
    if reason.name in ("QUANTITY_ABOVE_MAXIMUM", "NOTIONAL_ABOVE_MAXIMUM"):
        largest = int(recording.flow["quantity_lots"].max()) * recording.lot_size
        lot = Decimal(10) ** math.ceil(math.log10(largest / LARGEST_ORDER_LOTS))
        return f"a coarser lot, such as calibration.lot_size={lot:f}; the largest recorded order is {largest:.6g} units"
    if reason in (Reason.TOO_MANY_ORDERS, Reason.TOO_MANY_COMMANDS):
        longest = SEATS * MOST_ORDERS_A_STEP / flow.limit_rate
        if spec.clock.step_seconds > longest:
            return f"a shorter step, such as session.step_seconds={_rounded_down(longest)}"
        return (
            "a part of the data (start, end) whose cancels and market orders keep up with its limit orders: they are "
            f"{flow.cancel_rate:g} and {flow.market_rate:g} against {flow.limit_rate:g} a second"
        )
    return REMEDIES[reason]


def _rounded_down(value: float) -> str:
    """Return a number with one digit that is not zero."""
    digit = Decimal(10) ** math.floor(math.log10(value))
    return f"{Decimal(value) // digit * digit:f}"
