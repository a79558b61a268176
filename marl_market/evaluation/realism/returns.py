"""Moves of the mid over 1, 10 and 60 seconds: their spread, tails, memory and sign.

Moves are differences in ticks, not of logarithms: over a session of a day the two agree up to a factor.
"""

from __future__ import annotations

import math

import numpy as np

from marl_market.evaluation.realism.autocorrelation import autocorrelation, decay_exponent
from marl_market.evaluation.realism.best_quotes import HALF_TICKS, Real, Whole, grid, mid_moves
from marl_market.evaluation.realism.tails import hill, kurtosis
from marl_market.market.tape import Tape

LEVERAGE_LAGS = 10


def mid_move(tape: Tape, seconds: int) -> Whole:
    """Return mid(t + seconds) - mid(t) in half ticks at whole seconds t, of which those of 10 s and more overlap."""
    return mid_moves(tape, seconds)


def volatility(tape: Tape, seconds: int) -> float:
    """Return the standard deviation of `mid_move` in ticks."""
    moves = mid_moves(tape, seconds)
    return float(moves.std()) / HALF_TICKS if len(moves) else math.nan


def variance_ratio(tape: Tape, seconds: int) -> float:
    """Return var(move over `seconds`) / (seconds * var(move over 1 s)): 1 for a random walk (Lo and MacKinlay 1988)."""
    one = volatility(tape, 1)
    return volatility(tape, seconds) ** 2 / seconds / one**2 if one else math.nan


def move_kurtosis(tape: Tape, seconds: int) -> float:
    """Return mean(r^4) / mean(r^2)^2 of `mid_move`: 3 (no excess) for a normal distribution (Cont 2001)."""
    return kurtosis(mid_moves(tape, seconds))


def aggregational_gaussianity(tape: Tape) -> float:
    """Return the kurtosis of 60 s moves over that of 1 s moves: below 1 where moves become normal (Cont 2001)."""
    one = move_kurtosis(tape, 1)
    return move_kurtosis(tape, 60) / one if one else math.nan


def move_tail(tape: Tape) -> float:
    """Return Hill's exponent of the largest 5 % of absolute 1 s moves: about 3 (Cont 2001)."""
    return hill(np.abs(mid_moves(tape, 1)))


def still_share(tape: Tape) -> float:
    """Return the share of seconds in which the mid stays where it is."""
    moves = mid_moves(tape, 1)
    return float((moves == 0).mean()) if len(moves) else math.nan


def move_autocorrelation(tape: Tape, lag: int) -> float:
    """Return the autocorrelation of 1 s moves: about 0 beyond some seconds (Cont 2001)."""
    moves, session = _second_moves(tape)
    return autocorrelation(moves, session, lag)


def volatility_clustering(tape: Tape, lag: int) -> float:
    """Return the autocorrelation of absolute 1 s moves, above 0 for long (Cont 2001)."""
    moves, session = _second_moves(tape)
    return autocorrelation(np.abs(moves), session, lag)


def clustering_decay(tape: Tape) -> float:
    """Return b of the decay lag^-b of volatility clustering over 100 s: .2 to .4 (Cont 2001)."""
    moves, session = _second_moves(tape)
    return decay_exponent(np.abs(moves), session)


def leverage(tape: Tape) -> float:
    """Return the mean over k of 1 to 10 s of corr(r_t, r_{t + k}^2): below 0 in daily equity returns (Cont 2001)."""
    moves, session = _second_moves(tape)
    found = [_lagged_correlation(moves, moves.astype(np.float64) ** 2, session, k) for k in range(1, LEVERAGE_LAGS + 1)]
    return float(np.mean(found))


def skewness(tape: Tape) -> float:
    """Return mean(r^3) / mean(r^2)^1.5 of 1 s moves: the asymmetry of gains and losses (Cont 2001)."""
    moves = mid_moves(tape, 1).astype(np.float64)
    second = float((moves**2).mean()) if len(moves) else 0.0
    return float((moves**3).mean()) / second**1.5 if second else math.nan


def _second_moves(tape: Tape) -> tuple[Whole, Whole]:
    """Return the 1 s moves and the session of each."""
    _, rows, session = grid(tape, 1.0)
    return mid_moves(tape, 1), session[1:][session[1:] == session[:-1]] if len(rows) else session


def _lagged_correlation(first: Real | Whole, second: Real | Whole, session: Whole, lag: int) -> float:
    together = session[lag:] == session[:-lag]
    earlier, later = first[: len(first) - lag][together], second[lag:][together]
    if len(earlier) < 2 or not earlier.std() or not later.std():
        return math.nan
    return float(np.corrcoef(earlier, later)[0, 1])
