"""Market orders that are parts of metaorders of Pareto-distributed length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.calibrated_flow import flow_tables, submit_random_market
from marl_market.env.trading import DECIDED, MarketSpec, Traits, below, compiled, poisson, require, trader, uniform

RATE, EXPONENT, CONCURRENT, TABLES = 0, 1, 2, 3
MOST_CONCURRENT = 16
MOST_ORDERS = 8
"""Maximum number of orders of a seat in a step, which keeps its commands within their limit."""
LONGEST = 1e9


@compiled
def new_length(seat, exponent):  # type: ignore[no-untyped-def]
    """Return a number of orders L with P(L > l) = l ** -exponent."""
    return min(LONGEST, math.ceil((1.0 - uniform(seat)) ** (-1.0 / exponent)))


@compiled
def remaining_length(seat, exponent):  # type: ignore[no-untyped-def]
    """Return the rest R of a metaorder in progress, in equilibrium: P(R > r) = r ** (1 - exponent) / exponent."""
    survival = exponent * (1.0 - uniform(seat))
    if survival >= 1.0:
        return 1.0
    return min(LONGEST, math.ceil(survival ** (1.0 / (1.0 - exponent))))


@trader
def send_orders(public, seat, params):  # type: ignore[no-untyped-def]
    """Submit a drawn number of market orders, each the next one of a metaorder drawn among those in progress."""
    table, memory = params.value, seat.agent.memory
    concurrent = int(table[CONCURRENT])
    for number in range(concurrent):
        if memory[number] == 0.0:
            length = remaining_length(seat, table[EXPONENT])
            memory[number] = length if uniform(seat) < 0.5 else -length
    for _ in range(min(MOST_ORDERS, poisson(seat, table[RATE]))):
        number = below(seat, concurrent)
        side = 1 if memory[number] > 0.0 else -1
        submit_random_market(seat, table, TABLES, side)
        memory[number] -= side
        if memory[number] == 0.0:
            length = new_length(seat, table[EXPONENT])
            memory[number] = length if uniform(seat) < 0.5 else -length
    return DECIDED


@dataclass(frozen=True)
class Metaorders:
    """Split large orders into market orders (Lillo, Mike and Farmer 2005).

    Sees: nothing.
    Does: market orders of calibrated size, as a Poisson process. Each belongs to a metaorder drawn with equal
        probability among `concurrent` in progress; all its orders have one side, drawn with equal probability, and
        their number L has a Pareto tail, P(L > l) = l ** -tail_exponent. A completed metaorder is followed by a new
        one. Signs of orders then have the autocorrelation N ** (alpha - 2) / alpha * lag ** -(alpha - 1) at long lags,
        with alpha the tail exponent and N the metaorders in progress in all seats (their equation 21). A session
        begins in equilibrium: with the rests of metaorders in progress.

    Attributes:
        share: fraction of the market's calibrated market orders made by the whole group.
        tail_exponent: alpha, of the number of orders of a metaorder; the autocorrelation's exponent is alpha - 1.
        concurrent: metaorders in progress in a seat.
    """

    trader = send_orders
    traits = Traits(warms_up=True)
    share: float = 1.0
    tail_exponent: float = 1.5
    concurrent: int = 1

    def __post_init__(self) -> None:
        require(self.share > 0, "metaorders.share", self.share, "above zero")
        require(
            self.tail_exponent > 1,
            "metaorders.tail_exponent",
            self.tail_exponent,
            "above 1, or metaorders have no mean length",
        )
        good = isinstance(self.concurrent, int) and 1 <= self.concurrent <= MOST_CONCURRENT
        require(good, "metaorders.concurrent", self.concurrent, f"a whole number from 1 to {MOST_CONCURRENT}")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return orders a step, tail exponent, metaorders in progress, quantile tables."""
        rate = self.share * spec.flow.market_rate * spec.step_seconds / seats
        return (rate, self.tail_exponent, self.concurrent, *flow_tables(spec))
