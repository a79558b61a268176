"""The shape of a day: activity and volatility by time since the open."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.estimates.quote_series import QuoteSeries, inside, slots_of
from marl_market.market.reactive_flow import SLOTS
from marl_market.market.tape import FlowKind, Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

HORIZON_SECONDS = 10
LEAST_SHARE = 0.1
"""Least rate and volatility of a part of the day, relative to the mean: a part without rows is no proof of rest."""


def activity_profile(tape: Tape, quotes: QuoteSeries) -> NDArray[np.float64]:
    """Return the rate of limit orders in each of `SLOTS` parts of the day, relative to its mean over time."""
    limits = inside(tape.flow[tape.flow["kind"] == FlowKind.LIMIT], quotes.sessions)
    counts = np.bincount(slots_of(limits["time_ns"], quotes.sessions, SLOTS), minlength=SLOTS)
    seconds = np.concatenate(quotes.grid(NANOSECONDS_PER_SECOND))
    lengths = np.bincount(slots_of(seconds, quotes.sessions, SLOTS), minlength=SLOTS)
    return _profile(counts / np.maximum(lengths, 1), lengths, 1.0)


def volatility_profile(quotes: QuoteSeries) -> tuple[float, NDArray[np.float64]]:
    """Return the volatility of a second, in ticks, and that of each part of the day relative to its mean square.

    Both follow from ten-second changes of the mid price, every second, over the square root of ten: most of the bounce
    between quotes has passed by then. Raises ValueError where no session lasts that long, or the mid never moves.
    """
    squares, slots = [], []
    for grid in quotes.grid(NANOSECONDS_PER_SECOND):
        mid = quotes.mid[quotes.at(grid)]
        squares.append((mid[HORIZON_SECONDS:] - mid[:-HORIZON_SECONDS]) ** 2 / HORIZON_SECONDS)
        slots.append(slots_of(grid, quotes.sessions, SLOTS)[: len(squares[-1])])
    square, slot = np.concatenate([np.zeros(0), *squares]), np.concatenate([np.zeros(0, np.int64), *slots])
    if not square.any():
        raise ValueError("the mid price never moves in ten seconds of a session; the value has no volatility")
    lengths = np.bincount(slot, minlength=SLOTS)
    variance = np.bincount(slot, square, minlength=SLOTS) / np.maximum(lengths, 1)
    return float(np.sqrt(square.mean())), _profile(np.sqrt(variance), lengths, 2.0)


def _profile(values: NDArray[np.float64], lengths: NDArray[np.int64], power: float) -> NDArray[np.float64]:
    """Return values over their mean (of that power) by length; parts of no length have the mean."""
    mean = np.average(values**power, weights=lengths) ** (1.0 / power)
    return np.where(lengths > 0, np.maximum(values / mean, LEAST_SHARE), 1.0)
