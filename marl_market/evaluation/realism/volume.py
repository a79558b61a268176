"""Traded volume."""

from __future__ import annotations

import math

import numpy as np

from marl_market.evaluation.realism.best_quotes import Whole, best_quotes, grid, session_of
from marl_market.market.tape import Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

MINUTE_NS = 60 * NANOSECONDS_PER_SECOND
FEWEST_MINUTES = 3


def traded_lots_a_minute(tape: Tape) -> Whole:
    """Return the lots traded in each whole minute of a session (LOB-Bench, `volume per minute`)."""
    minute = _minute(tape, tape.trades["time_ns"])
    lots = np.bincount(minute[minute >= 0], tape.trades["quantity_lots"][minute >= 0], int(_minutes(tape).sum()))
    return lots.astype(np.int64)


def volume_volatility(tape: Tape) -> float:
    """Return the correlation of the lots traded in a minute with the root of the sum of squared 1 s mid moves in it.

    Literature: .3 to .7 (Karpoff 1987). NaN for fewer than `FEWEST_MINUTES`, or where one of them does not vary.
    """
    lots = traded_lots_a_minute(tape)
    if len(lots) < FEWEST_MINUTES:
        return math.nan
    time_ns, rows, session = grid(tape, 1.0)
    squares = np.diff(best_quotes(tape).mid[rows]) ** 2 * (session[1:] == session[:-1])
    minute = _minute(tape, time_ns[1:])
    volatility = np.sqrt(np.bincount(minute[minute >= 0], squares[minute >= 0], len(lots)))
    if not lots.std() or not volatility.std():
        return math.nan
    return float(np.corrcoef(lots, volatility)[0, 1])


def _minutes(tape: Tape) -> Whole:
    """Return the number of whole minutes of each session."""
    whole: Whole = (tape.sessions[:, 1] - tape.sessions[:, 0]) // MINUTE_NS
    return whole


def _minute(tape: Tape, time_ns: Whole) -> Whole:
    """Return the number of the minute of each time among the whole ones of all sessions, -1 outside of them."""
    session, counts = session_of(tape, time_ns), _minutes(tape)
    if not counts.sum():
        return np.full(len(time_ns), -1)
    minute = (time_ns - tape.sessions[session, 0]) // MINUTE_NS
    first = np.cumsum(counts) - counts
    return np.where((session >= 0) & (minute < counts[session]), first[session] + minute, -1)
