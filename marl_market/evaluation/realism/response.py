"""How far the mid moves after a market order, in its direction."""

from __future__ import annotations

import math

import numpy as np

from marl_market.evaluation.realism.best_quotes import HALF_TICKS, Whole, best_quotes
from marl_market.evaluation.realism.market_orders import market_orders
from marl_market.market.tape import Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND


def response_in_seconds(tape: Tape, seconds: int) -> float:
    """Return R = mean(e_i (m(t_i + seconds) - m(t_i-))) in ticks over market orders i of sign e_i at time t_i.

    m(t-) is the mid just before. Source: Bouchaud, Gefen, Potters and Wyart 2004, in clock time.
    """
    orders, best = market_orders(tape), best_quotes(tape)
    later_ns = orders.time_ns + seconds * NANOSECONDS_PER_SECOND
    inside = later_ns < best.ends[orders.session]
    if not inside.any():
        return math.nan
    moved = best.mid[best.at(later_ns)] - orders.mid_before
    return float((orders.side * moved)[inside].mean()) / HALF_TICKS


def response_in_trades(tape: Tape, lag: int) -> float:
    """Return R(lag) = mean(e_i (m_{i + lag} - m_i)) in ticks, m_i the mid just before market order i.

    Source: Bouchaud, Gefen, Potters and Wyart 2004, equation 3.
    """
    orders = market_orders(tape)
    together = orders.session[lag:] == orders.session[:-lag]
    if not together.any():
        return math.nan
    moved = orders.mid_before[lag:] - orders.mid_before[: len(orders.mid_before) - lag]
    return float((orders.side[: len(moved)] * moved)[together].mean()) / HALF_TICKS


def next_order(tape: Tape, time_ns: Whole, session: Whole, lag: int) -> Whole:
    """Return the number of the `lag`-th market order after each time, -1 where its session has none."""
    orders = market_orders(tape)
    number = np.searchsorted(orders.time_ns, time_ns, side="right") + lag - 1
    sessions = np.append(orders.session, -1)
    number = np.minimum(number, len(orders.session))
    return np.where(sessions[number] == session, number, -1)
