"""Sizes of orders by place, as equally likely values: round numbers keep their shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.estimates.quote_series import QuoteSeries, edges_of, inside, state_of
from marl_market.market.reactive_flow import ATOMS, DEPTHS, PLACES
from marl_market.market.tape import FlowKind, Tape

FEWEST = 50


def atoms(sample: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return `ATOMS` equally likely values of a sample, each of them a value of it."""
    chances = (np.arange(ATOMS) + 0.5) / ATOMS
    return np.quantile(sample, chances, method="inverted_cdf").astype(np.float64)


def limit_sizes(tape: Tape, quotes: QuoteSeries, place_edges: list[float]) -> NDArray[np.float64]:
    """Return sizes of limit orders by their distance behind the best price of their side (PLACES, ATOMS), in lots."""
    limits = inside(tape.flow[tape.flow["kind"] == FlowKind.LIMIT], quotes.sessions)
    best = quotes.best(limits["side"], quotes.before(limits["time_ns"]))
    place = state_of(place_edges, limits["side"] * (best - limits["price_ticks"]))
    return _atoms_by_state(limits["quantity_lots"], place, PLACES)


def market_sizes(tape: Tape, quotes: QuoteSeries) -> tuple[list[float], NDArray[np.float64]]:
    """Return edges of the quantity at the best price that market orders meet, and their sizes by state of it."""
    orders = inside(tape.flow[tape.flow["kind"] == FlowKind.MARKET], quotes.sessions)
    met, lots = quotes.opposite_lots(orders["side"], quotes.before(orders["time_ns"])), orders["quantity_lots"]
    edges = edges_of(met, np.arange(1, DEPTHS) / DEPTHS)
    return edges, _atoms_by_state(lots, state_of(edges, met), DEPTHS)


def _atoms_by_state(lots: NDArray[np.integer], state: NDArray[np.int64], states: int) -> NDArray[np.float64]:
    """Return sizes by state; those of all orders in a state of fewer than `FEWEST`."""
    samples = [lots[state == each] for each in range(states)]
    return np.array([atoms(sample if len(sample) >= FEWEST else lots) for sample in samples])
