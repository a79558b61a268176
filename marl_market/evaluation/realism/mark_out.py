"""The value of a fill some time later: adverse selection of passive volume, and what taken volume gains.

With e the aggressor's sign, p the price of a fill, q its lots, m the mid and averages weighted by q:

    half spread earned  = mean(e (p - m(t-)))
    mark-out            = mean(e (p - m(later)))         what the passive side keeps
    adverse selection   = half spread earned - mark-out  what it loses: how far the mid went with the taken volume

The aggressor's gain is minus the mark-out. Fills without an aggressor (auctions, hidden orders at the mid) do not
count. Source: Huang and Stoll 1996 (effective and realized spread), half of theirs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.evaluation.realism.best_quotes import HALF_TICKS, Whole, best_quotes, session_of
from marl_market.evaluation.realism.market_orders import market_orders
from marl_market.evaluation.realism.remembered import remembered
from marl_market.evaluation.realism.response import next_order
from marl_market.market.tape import Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND


@dataclass(frozen=True)
class Fills:
    """Fills of a known aggressor within sessions; `price` and `mid_before` are in half ticks."""

    time_ns: Whole
    side: Whole
    price: Whole
    lots: Whole
    session: Whole
    mid_before: Whole


@remembered
def fills_of(tape: Tape) -> Fills:
    """Return the fills of a tape that has quotes; none where it has none."""
    best = best_quotes(tape)
    session = session_of(tape, tape.trades["time_ns"])
    kept = (session >= 0) & (tape.trades["aggressor_side"] != 0) & (len(best.time_ns) > 0)
    rows = tape.trades[kept]
    time_ns = rows["time_ns"].copy()
    return Fills(
        time_ns,
        rows["aggressor_side"].astype(np.int64),
        2 * rows["price_ticks"].astype(np.int64),
        rows["quantity_lots"].copy(),
        session[kept],
        best.mid[best.at(time_ns, before=True)],
    )


def half_spread_earned(tape: Tape) -> float:
    """Return mean(e (p - m(t-))) in ticks, by lots: what the passive side earns at once."""
    fills = fills_of(tape)
    return _mean_gain(fills, fills.mid_before, np.ones(len(fills.lots), np.bool_))


def mark_out_in_seconds(tape: Tape, seconds: int) -> float:
    """Return mean(e (p - m(t + seconds))) in ticks, by lots: what is left of it to the passive side then."""
    fills, best = fills_of(tape), best_quotes(tape)
    later_ns = fills.time_ns + seconds * NANOSECONDS_PER_SECOND
    inside = later_ns < best.ends[fills.session]
    return _mean_gain(fills, best.mid[best.at(later_ns)], inside) if inside.any() else math.nan


def mark_out_in_trades(tape: Tape, lag: int) -> float:
    """Return mean(e (p - m)) in ticks, by lots, m the mid just before the `lag`-th market order after the fill."""
    fills = fills_of(tape)
    number = next_order(tape, fills.time_ns, fills.session, lag)
    mid = np.append(market_orders(tape).mid_before, 0)
    return _mean_gain(fills, mid[number], number >= 0)


def adverse_selection(tape: Tape, seconds: int) -> float:
    """Return half spread earned - mark-out after `seconds`, ticks, by lots: the mid's move with the taken volume."""
    return half_spread_earned(tape) - mark_out_in_seconds(tape, seconds)


def _mean_gain(fills: Fills, mid: Whole, kept: NDArray[np.bool_]) -> float:
    """Return the mean gain in ticks of the passive side at a mid."""
    if not kept.any():
        return math.nan
    gain = fills.side * (fills.price - mid)
    return float(np.average(gain[kept], weights=fills.lots[kept])) / HALF_TICKS
