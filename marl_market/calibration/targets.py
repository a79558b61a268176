"""Estimates the constants of a market spec from one recording.

Every estimate is a plain statistic of the recording's sessions, the stretches of continuous trading between halts,
outages and files. T is their length in seconds, and nothing is measured across the end of one:

    rate        = rows of a kind within sessions / T
    spread      = sum_i (ask_i - bid_i) * dt_i / sum_i dt_i, over quotes with both sides, in force for dt_i
    depth       = sum_i (bid quantity_i + ask quantity_i) / 2 * dt_i / sum_i dt_i
    volatility  = standard deviation of mid(t + 1 s) - mid(t), t on a grid of whole seconds from a session's first such
                  quote; a one-sided second keeps the mid from before
    quantile_k  = the k / 16 sample quantile, k = 1 .. 15

The two outermost quantiles of a distribution are not the sample's extremes: one order a million ticks away would
drag the outermost sixteenth, which a spec draws linearly, with it. They are placed so that the linear piece keeps the
mean of the outermost sixteenth of the sample (2 * its mean - its inner quantile, within the sample's range).
Estimates are rounded to six significant digits, far finer than their sampling error.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.readers.recorder import Recording
from marl_market.market.bars import Bars
from marl_market.market.limits import LARGEST_AMOUNT, LARGEST_QUANTITY, Limits, fitting_units
from marl_market.market.order_flow import QUANTILES, OrderFlow
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import FlowKind, Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND, decimal, from_steps, to_steps

COARSEST_CASH_UNIT = Decimal("1e-6")


def market_spec(
    recording: Recording | Bars,
    name: str,
    step_seconds: float = 1.0,
    session_steps: int = 200,
    warmup_steps: int = 100,
    substeps: int = 1,
) -> MarketSpec:
    """Return the spec of the recorded market, for sessions of the given length.

    Its lot is the recording's, or a coarser one of which the largest recorded order fits the limits of a market.
    Raises ValueError where the recording lacks the rows of an estimate, and for bars, which have none of them.
    """
    if isinstance(recording, Bars):
        raise ValueError(
            "bars have no orders and no book; a market cannot be calibrated from them: they give volatility, returns "
            "and the path of a fundamental value"
        )
    flow = order_flow(recording)
    seconds = step_seconds * (session_steps + warmup_steps)
    lot_size, unit = units(recording, flow, seconds)
    return MarketSpec(
        name=name,
        tick_size=recording.tick_size,
        lot_size=lot_size,
        initial_price=initial_price(recording),
        flow=in_lots(flow, float(decimal(lot_size) / decimal(recording.lot_size))),
        fees=recording.fees,
        currency=recording.currency,
        cash_unit=unit,
        step_ns=round(step_seconds * NANOSECONDS_PER_SECOND),
        substeps=substeps,
        session_steps=session_steps,
        warmup_steps=warmup_steps,
        provenance=recording.provenance,
    )


def order_flow(recording: Recording) -> OrderFlow:
    """Return the constants of the order flow; raises ValueError where the recording lacks the rows of one of them."""
    if active_seconds(recording) <= 0:
        raise ValueError(
            "the recording is active for no time; calibration needs rows at two times or more, no longer apart than "
            "longest_silence seconds"
        )
    limit, market, cancel = (
        recording.flow[recording.flow["kind"] == kind] for kind in (FlowKind.LIMIT, FlowKind.MARKET, FlowKind.CANCEL)
    )
    spread, depth = best_quotes(recording)
    return OrderFlow(
        limit_rate=_rounded(rate(limit, recording)),
        market_rate=_rounded(rate(market, recording)),
        cancel_rate=_rounded(rate(cancel, recording)),
        limit_size_lots=quantiles(limit["quantity_lots"], "limit orders"),
        market_size_lots=quantiles(market["quantity_lots"], "market orders"),
        limit_offset_ticks=quantiles(limit["offset_ticks"], "limit orders"),
        spread_ticks=_rounded(spread),
        volatility_ticks=_rounded(volatility(recording)),
        depth_lots=_rounded(depth),
    )


def active_seconds(tape: Tape) -> float:
    """Return the length of all sessions."""
    return float(np.diff(tape.sessions).sum()) / NANOSECONDS_PER_SECOND


def rate(rows: NDArray[np.void], recording: Recording) -> float:
    """Return the number of rows of the recording, such as its trades, in a second of its sessions."""
    return _count(rows, recording.sessions) / active_seconds(recording)


def best_quotes(recording: Recording) -> tuple[float, float]:
    """Return the means over time of the spread in ticks and of the depth in lots, while both sides are quoted."""
    quotes, duration = _two_sided(recording)
    spread = quotes["ask_price_ticks"] - quotes["bid_price_ticks"]
    depth = (quotes["bid_quantity_lots"] + quotes["ask_quantity_lots"]) / 2
    return float(np.average(spread, weights=duration)), float(np.average(depth, weights=duration))


def quantiles(sample: NDArray[np.integer], kind: str) -> tuple[float, ...]:
    """Return `QUANTILES` evenly spaced quantiles whose outermost pieces keep the mean of the sample there."""
    if not len(sample):
        raise ValueError(f"the recording has no {kind}; calibration needs one or more")
    ordered = np.sort(sample).astype(np.float64)
    knots = np.quantile(ordered, np.linspace(0.0, 1.0, QUANTILES))
    outermost = -(-len(ordered) // (QUANTILES - 1))
    knots[0] = max(ordered[0], 2 * ordered[:outermost].mean() - knots[1])
    knots[-1] = min(ordered[-1], 2 * ordered[-outermost:].mean() - knots[-2])
    return tuple(_rounded(knot) for knot in np.maximum.accumulate(knots))


def volatility(recording: Recording) -> float:
    """Return the standard deviation of the one-second change of the mid price, in ticks."""
    quotes, _ = _two_sided(recording)
    mid = (quotes["bid_price_ticks"].astype(np.int64) + quotes["ask_price_ticks"]) / 2
    found = [_second_changes(quotes["time_ns"], mid, start, end) for start, end in recording.sessions.tolist()]
    seconds = sum(count for count, _ in found)
    if seconds < 2:
        raise ValueError("no session lasts 2 seconds; volatility needs two one-second changes or more")
    # Seconds in which the mid stays are counted, not listed: a quiet market is no larger than its quotes.
    changes = np.concatenate([each for _, each in found])
    mean = changes.sum() / seconds
    return float(np.sqrt((((changes - mean) ** 2).sum() + (seconds - len(changes)) * mean**2) / seconds))


def _second_changes(
    time_ns: NDArray[np.int64], mid: NDArray[np.float64], start_ns: int, end_ns: int
) -> tuple[int, NDArray[np.float64]]:
    """Return the number of one-second changes in a session, and the changes of the seconds with a quote."""
    first, last = np.searchsorted(time_ns, start_ns), np.searchsorted(time_ns, end_ns, side="right")
    if first == last:
        return 0, np.zeros(0)
    since = time_ns[first:last] - time_ns[first]
    second = -(-since // NANOSECONDS_PER_SECOND)
    seconds = int(end_ns - time_ns[first]) // NANOSECONDS_PER_SECOND
    newest = np.append(second[1:] > second[:-1], True) & (second <= seconds)
    return seconds, np.diff(mid[first:last][newest])


def initial_price(recording: Recording) -> float:
    """Return the mid price of the first quote with both sides, at or half a tick below it, in currency."""
    first = _two_sided(recording)[0][0]
    ticks = (int(first["bid_price_ticks"]) + int(first["ask_price_ticks"])) // 2
    return float(from_steps(ticks, recording.tick_size))


def cash_unit(tick_size: float, lot_size: float) -> float:
    """Return a millionth of the currency, or one tick times one lot where that is no whole number of millionths."""
    smallest = decimal(tick_size) * decimal(lot_size)
    return float(smallest if smallest % COARSEST_CASH_UNIT else COARSEST_CASH_UNIT)


def units(recording: Recording, flow: OrderFlow, seconds: float) -> tuple[float, float]:
    """Return the lot size and the cash unit of a market that holds the recording's orders and `seconds` of its flow."""
    tick_size, lot_size = recording.tick_size, recording.lot_size
    unit = cash_unit(tick_size, lot_size)
    quantities = recording.flow["quantity_lots"]
    lot, fitting = fitting_units(
        lot_size=decimal(lot_size),
        cash_unit=decimal(unit),
        cash_per_tick_lot=to_steps(decimal(tick_size) * decimal(lot_size), unit, "tick_size * lot_size"),
        price_ticks=to_steps(initial_price(recording), tick_size, "initial_price"),
        largest_lots=float(quantities.max()),
        traded_lots=flow.market_rate * seconds * float(np.mean(flow.market_size_lots)),
        limits=Limits(LARGEST_AMOUNT, LARGEST_AMOUNT // 4, LARGEST_QUANTITY, 1),
    )
    return float(lot), float(fitting)


def in_lots(flow: OrderFlow, ratio: float) -> OrderFlow:
    """Return a flow in lots that are `ratio` times as large."""
    if ratio == 1:
        return flow
    return replace(
        flow,
        limit_size_lots=tuple(_rounded(size / ratio) for size in flow.limit_size_lots),
        market_size_lots=tuple(_rounded(size / ratio) for size in flow.market_size_lots),
        depth_lots=_rounded(flow.depth_lots / ratio),
    )


def _two_sided(recording: Recording) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """Return the quotes with both sides, and the nanoseconds for which each was in force in its session."""
    quotes, (starts, ends) = recording.quotes, recording.sessions.T
    session = np.searchsorted(starts, quotes["time_ns"], side="right") - 1
    until = np.minimum(np.append(quotes["time_ns"][1:], np.iinfo(np.int64).max), ends[session])
    duration = np.maximum(until - quotes["time_ns"], 0)
    both = (quotes["bid_quantity_lots"] > 0) & (quotes["ask_quantity_lots"] > 0)
    if not duration[both].sum():
        raise ValueError("the recording never shows both sides of the book; calibration needs a spread")
    return quotes[both], duration[both]


def _count(rows: NDArray[np.void], sessions: NDArray[np.int64]) -> int:
    """Return the number of rows in sessions that last any time."""
    starts, ends = sessions[sessions[:, 1] > sessions[:, 0]].T
    first = np.searchsorted(rows["time_ns"], starts)
    return int((np.searchsorted(rows["time_ns"], ends, side="right") - first).sum())


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
