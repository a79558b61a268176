"""What becomes of resting orders; empty for a tape that does not tell orders apart."""

from __future__ import annotations

import math

import numpy as np

from marl_market.evaluation.realism.best_quotes import Real
from marl_market.market.tape import Outcome, Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

SHORTEST_SECONDS = 1e-4


def log_time_to_cancel(tape: Tape) -> Real:
    """Return log10 of the seconds from rest to cancel of the orders that are canceled (LOB-Bench, `time to cancel`)."""
    orders = tape.orders[tape.orders["outcome"] == Outcome.CANCELED]
    return _log_seconds(orders["end_ns"] - orders["time_ns"])


def log_time_to_first_fill(tape: Tape) -> Real:
    """Return log10 of the seconds from rest to the first fill of the orders that have one."""
    orders = tape.orders[tape.orders["filled_lots"] > 0]
    return _log_seconds(orders["first_fill_ns"] - orders["time_ns"])


def log_time_to_fill(tape: Tape) -> Real:
    """Return log10 of the seconds from rest to the last fill of the orders that are filled to the end."""
    orders = tape.orders[tape.orders["outcome"] == Outcome.FILLED]
    return _log_seconds(orders["end_ns"] - orders["time_ns"])


def outcome_share(tape: Tape, outcome: Outcome) -> float:
    """Return the share of the orders of known end that end so."""
    known = tape.orders["outcome"][tape.orders["outcome"] != Outcome.OPEN]
    return float((known == outcome).mean()) if len(known) else math.nan


def _log_seconds(duration_ns: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Real:
    return np.log10(np.maximum(duration_ns / NANOSECONDS_PER_SECOND, SHORTEST_SECONDS))
