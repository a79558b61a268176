"""Orders that are canceled at once: how many there are, and how long they live."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.estimates.cancel_hazards import CancelHazards
from marl_market.calibration.estimates.quote_series import QuoteSeries, inside, state_of
from marl_market.market.reactive_flow import DELAYS, FLEETING_SECONDS, HIGH, LOW, PLACES, SIZE_CLASSES, SPREADS
from marl_market.market.tape import Outcome, Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

SHORTEST_SECONDS = 1e-6
PRIOR_ORDERS = 20.0


def fleeting_shares(
    tape: Tape, quotes: QuoteSeries, spread_edges: list[float], states: CancelHazards
) -> NDArray[np.float64]:
    """Return the share of limit orders canceled within `FLEETING_SECONDS` (sizes, states of the spread, places).

    A state with few orders is drawn to the share of all.
    """
    orders = inside(tape.orders, quotes.sessions)
    rows = quotes.before(orders["time_ns"])
    behind = np.maximum(orders["side"] * (quotes.best(orders["side"], rows) - orders["price_ticks"]), 0)
    size = state_of(states.size_edges, orders["quantity_lots"])
    cell = (size * SPREADS + state_of(spread_edges, quotes.spread[rows])) * PLACES + state_of(
        states.place_edges, behind
    )
    fleeting = _is_fleeting(orders)
    total, count = (
        np.bincount(cell, weights, minlength=SIZE_CLASSES * SPREADS * PLACES)
        for weights in (np.ones(len(orders)), fleeting)
    )
    mean = fleeting.mean() if len(orders) else 0.0
    return np.asarray((count + mean * PRIOR_ORDERS) / (total + PRIOR_ORDERS)).reshape(SIZE_CLASSES, SPREADS, PLACES)


def fleeting_lives(tape: Tape) -> NDArray[np.float64]:
    """Return quantiles of the lives of such orders, in seconds; `FLEETING_SECONDS` where there is none."""
    orders = tape.orders[_is_fleeting(tape.orders)]
    return _delays((orders["end_ns"] - orders["time_ns"]) / NANOSECONDS_PER_SECOND)


def reaction_times(tape: Tape) -> NDArray[np.float64]:
    """Return quantiles of the times between two messages of less than `FLEETING_SECONDS`, in seconds."""
    gaps = np.diff(tape.flow["time_ns"]) / NANOSECONDS_PER_SECOND
    return _delays(gaps[(gaps >= 0) & (gaps < FLEETING_SECONDS)])


def _is_fleeting(orders: NDArray[np.void]) -> NDArray[np.bool_]:
    lives = (orders["end_ns"] - orders["time_ns"]) / NANOSECONDS_PER_SECOND
    return np.asarray((orders["outcome"] == Outcome.CANCELED) & (lives < FLEETING_SECONDS))


def _delays(sample: NDArray[np.float64]) -> NDArray[np.float64]:
    if not sample.size:
        return np.full(DELAYS, FLEETING_SECONDS)
    return np.quantile(np.maximum(sample, SHORTEST_SECONDS), np.linspace(LOW, HIGH, DELAYS))
