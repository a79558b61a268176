"""States of recent volatility: the mean absolute one-second move of the mid price with a half-life of 30 seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.scripted.volatility_regime import KEPT
from marl_market.calibration.estimates.quote_series import QuoteSeries, edges_of, state_of
from marl_market.market.reactive_flow import REGIMES
from marl_market.market.units import NANOSECONDS_PER_SECOND


class VolatilityStates:
    """The state at any time, as a trader with `marl_market.agents.scripted.volatility_regime` sees it.

    Attributes:
        edges: of the states, which are equally long in time.
    """

    def __init__(self, quotes: QuoteSeries) -> None:
        """Estimate the edges; each session begins at the mean of its first minute."""
        times, means = [], []
        for grid in quotes.grid(NANOSECONDS_PER_SECOND):
            mid = quotes.mid[quotes.at(grid)]
            times.append(grid)
            means.append(recent_mean(np.abs(np.diff(mid, prepend=mid[0]))))
        self._times, self._means = np.concatenate(times), np.concatenate(means)
        self.edges = edges_of(self._means, np.arange(1, REGIMES) / REGIMES)

    def at(self, time_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the state at each time."""
        rows = np.clip(np.searchsorted(self._times, time_ns, side="right") - 1, 0, None)
        return state_of(self.edges, self._means[rows])


def recent_mean(moves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the exponential mean of one-second moves (seconds,), from the mean of the first minute on."""
    found, mean = np.empty(len(moves)), float(moves[:60].mean())
    for index, move in enumerate(moves.tolist()):
        mean = KEPT * mean + (1.0 - KEPT) * move
        found[index] = mean
    return found
