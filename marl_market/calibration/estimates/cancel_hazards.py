"""Cancel hazards of open orders by size, age, place and state of the spread, on a clock of messages.

    hazard[z, s, a, p] = cancels in the state / exposure in it,

where the exposure is the sum over open orders of the time that they spend in the state (occurrence over exposure, the
maximum-likelihood estimate of a piecewise constant hazard; Aalen, Borgan and Gjessing 2008, section 5.1). Time is
counted in messages: a second is the number of messages that come in a mean second. On that clock the hazard of young
orders is nearly flat, since cancels and new orders come in the same bursts. Orders younger than
`FLEETING_SECONDS` are left out: they have a share of their own, see `fleeting_orders`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.estimates.quote_series import QuoteSeries, edges_of, inside, state_of
from marl_market.market.reactive_flow import AGES, FLEETING_SECONDS, PLACES, SIZE_CLASSES, SPREADS
from marl_market.market.tape import Outcome, Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

AGE_CHANCES = np.array([0.15, 0.3, 0.45, 0.6, 0.75, 0.88, 0.96])
PLACE_CHANCES = np.array([0.25, 0.5, 0.75, 0.92])
MOST_SAMPLES = 4_000_000
PRIOR_SECONDS = 20.0
"""Exposure, in seconds of activity, by which the hazard of a state is drawn to that of its size and age."""
FEWEST = 500
FLEETING_NS = round(FLEETING_SECONDS * NANOSECONDS_PER_SECOND)


@dataclass(frozen=True)
class CancelHazards:
    """Hazards in a second of activity.

    Attributes:
        age_edges: edges of the states of age, in seconds.
        place_edges: edges of the distance behind the best price of the order's side, in ticks.
        size_edges: edges of the classes of size, in lots.
        hazard: (classes of size, states of the spread, ages, places).
    """

    age_edges: list[float]
    place_edges: list[float]
    size_edges: list[float]
    hazard: NDArray[np.float64]


def cancel_hazards(tape: Tape, quotes: QuoteSeries, spread_edges: list[float]) -> CancelHazards | None:
    """Return the hazards by state of the spread, of these edges; None for fewer than `FEWEST` cancels."""
    orders = inside(tape.orders, quotes.sessions)
    orders = orders[orders["end_ns"] - orders["time_ns"] >= FLEETING_NS]
    canceled = orders[orders["outcome"] == Outcome.CANCELED]
    if len(canceled) < FEWEST:
        return None
    gone_behind = _behind(canceled, canceled["end_ns"], quotes)
    ages = (canceled["end_ns"] - canceled["time_ns"]) / NANOSECONDS_PER_SECOND
    age_edges = [FLEETING_SECONDS, *edges_of(ages, AGE_CHANCES)]
    positive = gone_behind[gone_behind > 0]
    far = edges_of(positive, PLACE_CHANCES) if positive.size else [1.0] * len(PLACE_CHANCES)
    place_edges = [1.0, *(max(1.0, edge) for edge in far)]
    size_edges = [float(np.median(orders["quantity_lots"]))] * (SIZE_CLASSES - 1)
    spread = _spread_state(canceled["end_ns"], quotes, spread_edges)
    size = state_of(size_edges, canceled["quantity_lots"])
    count = _counts(
        size * SPREADS + spread, state_of(age_edges, ages), state_of(place_edges, gone_behind), np.ones(len(canceled))
    )
    exposure = _exposures(orders, tape, quotes, (spread_edges, age_edges, place_edges, size_edges))
    of_age = count.sum((1, 3), keepdims=True) + PRIOR_SECONDS * count.sum() / exposure.sum()
    of_age /= exposure.sum((1, 3), keepdims=True) + PRIOR_SECONDS
    hazard = (count + of_age * PRIOR_SECONDS) / (exposure + PRIOR_SECONDS)
    hazard[:, :, 0] = 0.0
    return CancelHazards(age_edges, place_edges, size_edges, hazard)


def _exposures(
    orders: NDArray[np.void],
    tape: Tape,
    quotes: QuoteSeries,
    edges: tuple[list[float], ...],
) -> NDArray[np.float64]:
    """Return the seconds of activity that open orders spend in each state, from a sample of messages."""
    messages = inside(tape.flow, quotes.sessions)["time_ns"]
    a_message = quotes.seconds / len(messages)
    open_at = np.searchsorted(messages, orders["end_ns"]) - np.searchsorted(messages, orders["time_ns"], side="right")
    stride = max(1, -(-int(open_at.sum()) // MOST_SAMPLES))
    sampled = messages[stride // 2 :: stride]
    first = np.searchsorted(sampled, orders["time_ns"] + FLEETING_NS, side="right")
    count = np.maximum(np.searchsorted(sampled, orders["end_ns"]) - first, 0)
    total = np.zeros((SIZE_CLASSES, SPREADS, AGES, PLACES))
    for part in np.array_split(np.arange(len(orders)), max(1, int(count.sum()) // 500_000)):
        order = orders[np.repeat(part, count[part])]
        ends = np.cumsum(count[part])
        place_in_life = np.arange(len(order)) - np.repeat(ends - count[part], count[part])
        time_ns = sampled[np.repeat(first[part], count[part]) + place_in_life]
        age = state_of(edges[1], (time_ns - order["time_ns"]) / NANOSECONDS_PER_SECOND)
        place = state_of(edges[2], _behind(order, time_ns, quotes))
        state = state_of(edges[3], order["quantity_lots"]) * SPREADS + _spread_state(time_ns, quotes, edges[0])
        total += _counts(state, age, place, np.full(len(order), stride * a_message))
    return total


def _behind(orders: NDArray[np.void], time_ns: NDArray[np.int64], quotes: QuoteSeries) -> NDArray[np.int64]:
    """Return how far each order was behind the best price of its side just before a time, in ticks."""
    best = quotes.best(orders["side"], quotes.before(time_ns))
    return np.maximum(np.asarray(orders["side"] * (best - orders["price_ticks"]), np.int64), 0)


def _spread_state(time_ns: NDArray[np.int64], quotes: QuoteSeries, edges: list[float]) -> NDArray[np.int64]:
    """Return the state of the spread just before each time."""
    return state_of(edges, quotes.spread[quotes.before(time_ns)])


def _counts(
    state: NDArray[np.int64], age: NDArray[np.int64], place: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    cell = (state * AGES + age) * PLACES + place
    counts = np.bincount(cell, np.asarray(weights, np.float64), minlength=SIZE_CLASSES * SPREADS * AGES * PLACES)
    return np.asarray(counts, np.float64).reshape(SIZE_CLASSES, SPREADS, AGES, PLACES)
