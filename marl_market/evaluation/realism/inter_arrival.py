"""Times between the messages of the order flow."""

from __future__ import annotations

import math

import numpy as np

from marl_market.evaluation.realism.best_quotes import Real, session_of
from marl_market.evaluation.realism.remembered import remembered
from marl_market.market.tape import Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

SHORTEST_SECONDS = 1e-6
"""Shorter times count as this one: many feeds show no finer ones."""
MILLISECOND = 1e-3


@remembered
def inter_arrival(tape: Tape) -> Real:
    """Return the seconds between two messages (limit orders, cancels, market orders) that follow each other."""
    time_ns = np.sort(tape.flow["time_ns"])
    session = session_of(tape, time_ns)
    together = (session[1:] == session[:-1]) & (session[1:] >= 0)
    return np.diff(time_ns)[together] / NANOSECONDS_PER_SECOND


def log_inter_arrival(tape: Tape) -> Real:
    """Return log10 of the inter-arrival times in seconds (LOB-Bench, `log inter-arrival time`)."""
    return np.log10(np.maximum(inter_arrival(tape), SHORTEST_SECONDS))


def inter_arrival_variation(tape: Tape) -> float:
    """Return the coefficient of variation of the inter-arrival times: 1 for a Poisson process, more for bursts."""
    times = inter_arrival(tape)
    return float(times.std() / times.mean()) if len(times) and times.any() else math.nan


def share_below_millisecond(tape: Tape) -> float:
    """Return the share of inter-arrival times below a millisecond."""
    times = inter_arrival(tape)
    return float((times < MILLISECOND).mean()) if len(times) else math.nan
