"""Smith, Farmer, Gillemot and Krishnamurthy (2003): dimensional analysis of zero-intelligence order flow.

Limit orders fall evenly on all prices short of the opposite best quote (alpha for each tick, side and second), market
orders come at rate mu in all, and every order is canceled at rate delta. Far from the best quotes the depth of a tick
is then alpha / delta; all speeds together change nothing; and prices scale with mu / alpha, so that half the density
doubles the spread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Group
from marl_market.evaluation.replication.replication import Replication, bare_market, mean_replication, play_sessions
from marl_market.exchange.records import SEAT_ORDERS
from marl_market.market.order_flow import QUANTILES

SEATS, LIFETIMES, LOOKS_A_LIFETIME = 8, 12, 10
MARKET_RATE, CANCEL_RATE, DENSITY, REACH = 0.02, 0.002, 0.0002, 600
"""mu and delta a second, alpha a tick, side and second, and how many ticks of it there are."""
FAR = (0.4, 0.6)
"""Fractions of the reach between which depth is counted: beyond the takers, within the moves of the best quotes."""


def spread_and_depth(speed: float, density: float, reach: int, sessions: int) -> NDArray[np.float64]:
    """Return the mean spread and the mean lots a tick far from the best quotes, (2, sessions)."""
    delta = speed * CANCEL_RATE
    offsets = np.linspace(0.5, reach + 0.5, QUANTILES)
    flow = {
        "limit_rate": 2.0 * speed * density * reach,
        "market_rate": speed * MARKET_RATE,
        "cancel_rate": delta * SEATS,
        "limit_offset_ticks": tuple(offsets),
        "spread_ticks": 0.5 * reach,
    }
    steps = round(LIFETIMES / delta)
    interval = steps // (LIFETIMES * LOOKS_A_LIFETIME)
    samples: list[Any] = []

    def watch(batch: BatchMarket) -> None:
        public = batch.markets["public"]
        step = int(public["step"][0])
        if step < steps // 2 or step % interval != 0:
            return
        both = (public["depth"] > 0).all(1)
        seats = batch.markets["seat"][:, :SEATS]
        live = (seats["live"][..., None] >> np.arange(SEAT_ORDERS, dtype=np.uint64)) & np.uint64(1)
        order = seats["order"]
        distance = order["side"] * (
            np.where(order["side"] > 0, public["best_ask"][:, None, None], public["best_bid"][:, None, None])
            - order["price_ticks"]
        )
        far = (distance > FAR[0] * reach) & (distance <= FAR[1] * reach) & (live == 1)
        spread = np.where(both, public["best_ask"] - public["best_bid"], np.nan)
        samples.append((spread, far.sum((1, 2)) / (2.0 * (FAR[1] - FAR[0]) * reach)))

    spec = bare_market(initial_price=100_000.0, session_steps=steps, flow=flow)
    groups = [Group("flow", ZeroIntelligence(open_orders=1.0, conviction=0.0), SEATS)]
    found = []
    for _ in play_sessions(spec, groups, sessions, watch):
        found.append(np.nanmean(np.array(samples), axis=0))
        samples.clear()
    return np.concatenate(found, axis=1)


def ratio(name: str, published: float, above: NDArray[Any], below: NDArray[Any]) -> Replication:
    """Return the replication of the ratio of the means of two independent samples."""
    error = sum(part.var(ddof=1) / part.size / part.mean() ** 2 for part in (above, below))
    value = float(above.mean() / below.mean())
    return Replication(name, published, 0.01, value, float(value * np.sqrt(error)))


def measure(quick: bool) -> Iterator[Replication]:
    """Yield far depth in units of alpha / delta, and how the spread scales; only in full, for it takes a minute."""
    if quick:
        return
    sessions = 200
    spread, depth = spread_and_depth(1.0, DENSITY, REACH, sessions)
    yield mean_replication("Smith-Farmer: far depth / (alpha / delta)", 1.0, 0.01, depth * CANCEL_RATE / DENSITY)
    fast, _ = spread_and_depth(2.0, DENSITY, REACH, sessions)
    yield ratio("Smith-Farmer: spread at twice all speeds", 1.0, fast, spread)
    thin, depth = spread_and_depth(1.0, 0.5 * DENSITY, 2 * REACH, sessions)
    yield ratio("Smith-Farmer: spread at half the density", 2.0, thin, spread)
    yield mean_replication(
        "Smith-Farmer: far depth / (alpha / delta) there", 1.0, 0.01, 2.0 * depth * CANCEL_RATE / DENSITY
    )
