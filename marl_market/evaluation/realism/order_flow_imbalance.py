"""Order-flow imbalance at the best quotes (Cont, Kukanov and Stoikov 2014).

Of a quote n with best bid b of q lots and best ask a of r lots:

    e_n = [b_n >= b_{n-1}] q_n - [b_n <= b_{n-1}] q_{n-1} - [a_n <= a_{n-1}] r_n + [a_n >= a_{n-1}] r_{n-1}
"""

from __future__ import annotations

import math

import numpy as np

from marl_market.evaluation.realism.best_quotes import HALF_TICKS, Real, Whole, best_quotes, grid
from marl_market.evaluation.realism.remembered import remembered
from marl_market.market.tape import Tape

WINDOW = 100
"""Quotes of a rolling mean."""
EVERY_SECONDS = 10.0
FEWEST = 3
"""Intervals from which a regression is given."""


@remembered
def contributions(tape: Tape) -> Whole:
    """Return e_n of each quote of the best, 0 for the first of a session."""
    best = best_quotes(tape)
    total = np.zeros(len(best.time_ns), np.int64)
    if len(total) > 1:
        bid, ask = (best.mid - best.spread) // 2, (best.mid + best.spread) // 2
        for price, lots, side in ((bid, best.bid_lots, 1), (ask, best.ask_lots, -1)):
            change = side * np.diff(price)
            total[1:] += side * ((change >= 0) * lots[1:] - (change <= 0) * lots[:-1])
        total[1:][best.session[1:] != best.session[:-1]] = 0
    return total


def order_flow_imbalance(tape: Tape) -> Real:
    """Return the mean of e_n over each `WINDOW` quotes of one session (LOB-Bench, `order flow imbalance`)."""
    return _rolling(tape)[0]


def imbalance_given_tick(tape: Tape, direction: int) -> Real:
    """Return those of them over which the mid rose (1), stayed (0) or fell (-1) (LOB-Bench, `OFI given tick`)."""
    imbalance, moved = _rolling(tape)
    return imbalance[np.sign(moved) == direction]


def imbalance_r2(tape: Tape) -> float:
    """Return R^2 of the regression of 10 s mid moves on the sum of e_n in them: about .65 on average (figure 2)."""
    imbalance, moves = _intervals(tape)
    if len(moves) < FEWEST or not imbalance.std() or not moves.std():
        return math.nan
    return float(np.corrcoef(imbalance, moves)[0, 1] ** 2)


def imbalance_slope(tape: Tape) -> float:
    """Return the slope of that regression, ticks for 100 lots."""
    imbalance, moves = _intervals(tape)
    if len(moves) < FEWEST or not imbalance.std():
        return math.nan
    return 100 * float(np.cov(imbalance, moves)[0, 1] / imbalance.var(ddof=1)) / HALF_TICKS


@remembered
def _rolling(tape: Tape) -> tuple[Real, Whole]:
    """Return the rolling means and the move of the mid over each."""
    best, total = best_quotes(tape), np.cumsum(contributions(tape))
    together = best.session[WINDOW:] == best.session[:-WINDOW]
    imbalance = (total[WINDOW:] - total[:-WINDOW]) / WINDOW
    return imbalance[together], (best.mid[WINDOW:] - best.mid[:-WINDOW])[together]


@remembered
def _intervals(tape: Tape) -> tuple[Whole, Whole]:
    """Return the sum of e_n and the move of the mid in each interval."""
    _, rows, session = grid(tape, EVERY_SECONDS)
    together = session[1:] == session[:-1]
    total = np.cumsum(contributions(tape))
    return np.diff(total[rows])[together], np.diff(best_quotes(tape).mid[rows])[together]
