"""Estimates the constants of a market spec from one recording.

Every estimate is a plain statistic of the tape, with T seconds from its first to its last row:

    rate        = rows of a kind / T
    spread      = sum_i (ask_i - bid_i) * dt_i / sum_i dt_i, over quotes with both sides, in force for dt_i
    depth       = sum_i (bid quantity_i + ask quantity_i) / 2 * dt_i / sum_i dt_i
    volatility  = standard deviation of mid(t + 1 s) - mid(t), t on a grid of whole seconds from the first such quote
    quantile_k  = the k / 16 sample quantile, k = 1 .. 15

The two outermost quantiles of a distribution are not the sample's extremes: one order a million ticks away would
drag the outermost sixteenth, which a spec draws linearly, with it. They are placed so that the linear piece keeps the
mean of the outermost sixteenth of the sample (2 * its mean - its inner quantile, within the sample's range).
Estimates are rounded to six significant digits, far finer than their sampling error.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.readers.recorder import Recording
from marl_market.market.bars import Bars
from marl_market.market.order_flow import QUANTILES, OrderFlow
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import FlowKind, Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND, decimal, from_steps

COARSEST_CASH_UNIT = Decimal("1e-6")


def market_spec(
    recording: Recording | Bars,
    name: str,
    step_seconds: float = 1.0,
    session_steps: int = 200,
    warmup_steps: int = 100,
) -> MarketSpec:
    """Return the spec of the recorded market, for sessions of the given length.

    Raises ValueError where the recording lacks the rows of an estimate, and for bars, which have none of them.
    """
    if isinstance(recording, Bars):
        raise ValueError(
            "bars have no orders and no book; a market cannot be calibrated from them: they give volatility, returns "
            "and the path of a fundamental value"
        )
    return MarketSpec(
        name=name,
        tick_size=recording.tick_size,
        lot_size=recording.lot_size,
        initial_price=initial_price(recording),
        flow=order_flow(recording),
        fees=recording.fees,
        currency=recording.currency,
        cash_unit=cash_unit(recording.tick_size, recording.lot_size),
        step_ns=round(step_seconds * NANOSECONDS_PER_SECOND),
        session_steps=session_steps,
        warmup_steps=warmup_steps,
        provenance=recording.provenance,
    )


def order_flow(tape: Tape) -> OrderFlow:
    """Return the constants of the order flow; raises ValueError where the tape is too short for one of them."""
    seconds = (_end_ns(tape) - _start_ns(tape)) / NANOSECONDS_PER_SECOND
    if seconds <= 0:
        raise ValueError("the tape lasts no time; calibration needs rows at two times or more")
    limit, market, cancel = (
        tape.flow[tape.flow["kind"] == kind] for kind in (FlowKind.LIMIT, FlowKind.MARKET, FlowKind.CANCEL)
    )
    quotes, duration = _two_sided(tape)
    spread = quotes["ask_price_ticks"] - quotes["bid_price_ticks"]
    depth = (quotes["bid_quantity_lots"] + quotes["ask_quantity_lots"]) / 2
    return OrderFlow(
        limit_rate=_rounded(len(limit) / seconds),
        market_rate=_rounded(len(market) / seconds),
        cancel_rate=_rounded(len(cancel) / seconds),
        limit_size_lots=quantiles(limit["quantity_lots"], "limit orders"),
        market_size_lots=quantiles(market["quantity_lots"], "market orders"),
        limit_offset_ticks=quantiles(limit["offset_ticks"], "limit orders"),
        spread_ticks=_rounded(np.average(spread, weights=duration)),
        volatility_ticks=_rounded(volatility(tape)),
        depth_lots=_rounded(np.average(depth, weights=duration)),
    )


def quantiles(sample: NDArray[np.integer], kind: str) -> tuple[float, ...]:
    """Return `QUANTILES` evenly spaced quantiles whose outermost pieces keep the mean of the sample there."""
    if not len(sample):
        raise ValueError(f"the tape has no {kind}; calibration needs one or more")
    ordered = np.sort(sample).astype(np.float64)
    knots = np.quantile(ordered, np.linspace(0.0, 1.0, QUANTILES))
    outermost = -(-len(ordered) // (QUANTILES - 1))
    knots[0] = max(ordered[0], 2 * ordered[:outermost].mean() - knots[1])
    knots[-1] = min(ordered[-1], 2 * ordered[-outermost:].mean() - knots[-2])
    return tuple(_rounded(knot) for knot in np.maximum.accumulate(knots))


def volatility(tape: Tape) -> float:
    """Return the standard deviation of the one-second change of the mid price, in ticks."""
    quotes, _ = _two_sided(tape)
    mid = (quotes["bid_price_ticks"].astype(np.int64) + quotes["ask_price_ticks"]) / 2
    grid = np.arange(quotes["time_ns"][0], _end_ns(tape) + 1, NANOSECONDS_PER_SECOND)
    if len(grid) < 3:
        raise ValueError("the tape lasts less than 2 seconds; volatility needs two one-second changes or more")
    return float(np.std(np.diff(mid[np.searchsorted(quotes["time_ns"], grid, side="right") - 1])))


def initial_price(tape: Tape) -> float:
    """Return the mid price of the first quote with both sides, at or half a tick below it, in currency."""
    first = _two_sided(tape)[0][0]
    ticks = (int(first["bid_price_ticks"]) + int(first["ask_price_ticks"])) // 2
    return float(from_steps(ticks, tape.tick_size))


def cash_unit(tick_size: float, lot_size: float) -> float:
    """Return a millionth of the currency, or one tick times one lot where that is no whole number of millionths."""
    smallest = decimal(tick_size) * decimal(lot_size)
    return float(smallest if smallest % COARSEST_CASH_UNIT else COARSEST_CASH_UNIT)


def _two_sided(tape: Tape) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """Return the quotes with both sides, and the nanoseconds for which each was in force."""
    duration = np.diff(tape.quotes["time_ns"], append=_end_ns(tape))
    both = (tape.quotes["bid_quantity_lots"] > 0) & (tape.quotes["ask_quantity_lots"] > 0)
    if not duration[both].sum():
        raise ValueError("the tape never shows both sides of the book; calibration needs a spread")
    return tape.quotes[both], duration[both]


def _start_ns(tape: Tape) -> int:
    return min((int(rows["time_ns"][0]) for rows in (tape.quotes, tape.trades, tape.flow) if len(rows)), default=0)


def _end_ns(tape: Tape) -> int:
    return max((int(rows["time_ns"][-1]) for rows in (tape.quotes, tape.trades, tape.flow) if len(rows)), default=0)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
