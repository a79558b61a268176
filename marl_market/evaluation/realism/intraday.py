"""The shape of a day, where a tape holds a day."""

from __future__ import annotations

import numpy as np

from marl_market.evaluation.realism.best_quotes import Whole, session_of
from marl_market.market.tape import Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

HALF_HOUR_NS = 1800 * NANOSECONDS_PER_SECOND
FEWEST_HALF_HOURS = 8


def half_hour_of_trade(tape: Tape) -> Whole:
    """Return the half hour since the beginning of the tape of each trade; none for a tape of less than four hours.

    The distances of two tapes are those of the shares of a day's trades that its half hours have: the U shape of
    activity (Jain and Joh 1988).
    """
    if not len(tape.sessions) or tape.sessions[-1, 1] - tape.sessions[0, 0] < FEWEST_HALF_HOURS * HALF_HOUR_NS:
        return np.zeros(0, np.int64)
    time_ns = tape.trades["time_ns"][session_of(tape, tape.trades["time_ns"]) >= 0]
    half_hour: Whole = (time_ns - tape.sessions[0, 0]) // HALF_HOUR_NS
    return half_hour
