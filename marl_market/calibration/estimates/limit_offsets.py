"""Where limit orders are placed: distances from the opposite best price by state of the spread and of volatility."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.estimates.quote_series import QuoteSeries, edges_of, inside, state_of
from marl_market.calibration.estimates.volatility_states import VolatilityStates
from marl_market.market.reactive_flow import HIGH, KNOTS, LOW, REGIMES, SPREADS
from marl_market.market.tape import FlowKind, Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

CHANCES = np.array([0.08, 0.2, 0.35, 0.5, 0.65, 0.8, 0.92])
FEWEST = 100
"""Orders of a state below which it is estimated with its neighbors."""


def spread_edges(quotes: QuoteSeries) -> list[float]:
    """Return the edges of the states of the spread, quantiles over time, in ticks."""
    grid = np.concatenate(quotes.grid(NANOSECONDS_PER_SECOND // 10))
    return edges_of(quotes.spread[quotes.at(grid)], CHANCES)


def offset_tables(tape: Tape, quotes: QuoteSeries, states: VolatilityStates, edges: list[float]) -> NDArray[np.float64]:
    """Return quantiles of the distances (states of volatility, states of the spread, KNOTS), in ticks.

    A state with few orders is estimated with those of the nearest states of the spread, in all states of volatility.
    """
    limits = inside(tape.flow[tape.flow["kind"] == FlowKind.LIMIT], quotes.sessions)
    state = state_of(edges, quotes.spread[quotes.before(limits["time_ns"])])
    regime, offset = states.at(limits["time_ns"]), limits["offset_ticks"]
    knots, found = np.linspace(LOW, HIGH, KNOTS), np.empty((REGIMES, SPREADS, KNOTS))
    for i in range(REGIMES):
        for j in range(SPREADS):
            sample, reach = offset[(regime == i) & (state == j)], 0
            while len(sample) < min(FEWEST, len(offset)):
                sample, reach = offset[np.abs(state - j) <= reach], reach + 1
            found[i, j] = np.quantile(sample, knots)
    return found
