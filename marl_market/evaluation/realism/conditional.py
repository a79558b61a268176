"""Samples given another: pairs of a value and of the condition that it was measured under (LOB-Bench 2025)."""

from __future__ import annotations

import numpy as np

from marl_market.evaluation.realism.best_quotes import Real, Whole, best_quotes, grid
from marl_market.evaluation.realism.depth import ask_lots
from marl_market.evaluation.realism.spread import EVERY_SECONDS, spread
from marl_market.market.tape import Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

HOUR_NS = 3600 * NANOSECONDS_PER_SECOND
VOLATILITY_MOVES = 100

Pairs = tuple[Whole, Real | Whole]


def ask_lots_given_spread(tape: Tape) -> Pairs:
    """Return the lots at the best ask and the spread in ticks, each tenth of a second (`ask volume given spread`)."""
    return ask_lots(tape), spread(tape)


def spread_given_hour(tape: Tape) -> Pairs:
    """Return the spread in ticks and the hour since the beginning of the tape, each tenth of a second."""
    time_ns, _, _ = grid(tape, EVERY_SECONDS)
    return spread(tape), (time_ns - tape.sessions[:1, 0].sum()) // HOUR_NS


def spread_given_volatility(tape: Tape) -> Pairs:
    """Return the spread in ticks and the mean absolute move of the mid in a tenth of a second over the 10 s before."""
    _, rows, session = grid(tape, EVERY_SECONDS)
    moved = np.concatenate([[0], np.cumsum(np.abs(np.diff(best_quotes(tape).mid[rows])))]) if len(rows) else rows
    together = session[VOLATILITY_MOVES:] == session[:-VOLATILITY_MOVES]
    moves = (moved[VOLATILITY_MOVES:] - moved[:-VOLATILITY_MOVES]) / VOLATILITY_MOVES
    return spread(tape)[VOLATILITY_MOVES:][together], moves[together]
