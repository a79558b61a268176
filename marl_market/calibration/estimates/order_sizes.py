"""Sizes of orders by place, as equally likely values: round numbers keep their shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.estimates.quote_series import QuoteSeries, edges_of, inside, state_of
from marl_market.market.reactive_flow import ATOMS, DEPTHS
from marl_market.market.tape import FlowKind, Tape

FEWEST = 50


def atoms(sample: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return `ATOMS` equally likely values of a sample, each of them a value of it."""
    chances = (np.arange(ATOMS) + 0.5) / ATOMS
    return np.quantile(sample, chances, method="inverted_cdf").astype(np.float64)


def limit_sizes(tape: Tape, quotes: QuoteSeries) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sizes of limit orders at or ahead of the best price of their side, and of those behind it, in lots."""
    limits = inside(tape.flow[tape.flow["kind"] == FlowKind.LIMIT], quotes.sessions)
    best = quotes.best(limits["side"], quotes.before(limits["time_ns"]))
    behind = limits["side"] * (best - limits["price_ticks"]) > 0
    lots = limits["quantity_lots"]
    near, far = (lots[behind == each] if (behind == each).sum() >= FEWEST else lots for each in (False, True))
    return atoms(near), atoms(far)


def market_sizes(tape: Tape, quotes: QuoteSeries) -> tuple[list[float], NDArray[np.float64]]:
    """Return edges of the quantity at the best price that market orders meet, and their sizes by state of it."""
    orders = inside(tape.flow[tape.flow["kind"] == FlowKind.MARKET], quotes.sessions)
    met, lots = quotes.opposite_lots(orders["side"], quotes.before(orders["time_ns"])), orders["quantity_lots"]
    edges = edges_of(met, np.arange(1, DEPTHS) / DEPTHS)
    state = state_of(edges, met)
    samples = [lots[state == each] for each in range(DEPTHS)]
    return edges, np.array([atoms(sample if len(sample) >= FEWEST else lots) for sample in samples])
