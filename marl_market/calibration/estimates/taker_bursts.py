"""When market orders come: by state of the spread, and how many follow another at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.estimates.quote_series import QuoteSeries, inside, state_of
from marl_market.market.reactive_flow import SPREADS
from marl_market.market.tape import FlowKind, Tape

AT_ONCE_NS = 10_000_000
SAMPLE_NS = 100_000_000
PRIOR_ORDERS = 5.0
"""Orders at the mean rate that are added to each state."""


def following_share(tape: Tape, quotes: QuoteSeries) -> float:
    """Return the share of market orders that follow another of their side within 10 milliseconds."""
    orders = inside(tape.flow[tape.flow["kind"] == FlowKind.MARKET], quotes.sessions)
    near = (np.diff(orders["time_ns"]) < AT_ONCE_NS) & (np.diff(orders["side"]) == 0)
    return float(near.mean()) if near.size else 0.0


def taking_rates(tape: Tape, quotes: QuoteSeries, spread_edges: list[float]) -> NDArray[np.float64]:
    """Return the rate of market orders in each state of the spread, relative to its mean over time."""
    orders = inside(tape.flow[tape.flow["kind"] == FlowKind.MARKET], quotes.sessions)
    times = np.concatenate(quotes.grid(SAMPLE_NS))
    met, seen = quotes.spread[quotes.before(orders["time_ns"])], quotes.spread[quotes.at(times)]
    count, time = (np.bincount(state_of(spread_edges, each), minlength=SPREADS) for each in (met, seen))
    mean = count.sum() / time.sum()
    return np.asarray((count + PRIOR_ORDERS) / (time + PRIOR_ORDERS / mean) / mean)
