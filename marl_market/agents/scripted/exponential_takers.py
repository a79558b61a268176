"""Takers of exponentially distributed limit prices: the order flow of Avellaneda and Stoikov."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.trading import (
    DECIDED,
    MarketSpec,
    TimeInForce,
    Traits,
    exponential,
    require,
    submit_limit_order,
    trader,
)

IMMEDIATE_OR_CANCEL = int(TimeInForce.IMMEDIATE_OR_CANCEL)


@trader
def take(public, seat, params):  # type: ignore[no-untyped-def]
    """Submit one buy and one sell, each with a limit price of its own."""
    nearest, mean, size = params.value[0], params.value[1], params.value[2]
    for side in (1, -1):
        # Rounded towards the reference price: a quote at any tick is reached with the probability of its distance.
        price = side * math.floor(side * public.reference_ticks + nearest + mean * exponential(seat))
        submit_limit_order(seat, side, price, size, 0, IMMEDIATE_OR_CANCEL, 0)
    return DECIDED


@dataclass(frozen=True)
class ExponentialTakers:
    """Take liquidity at distance delta with intensity A exp(-k delta) (Avellaneda and Stoikov 2008, section 2.5).

    Sees: the reference price, which is the fundamental value where that is published.
    Does: each step, on each side, an immediate-or-cancel order whose limit is ln(A dt) / k plus an exponentially
        distributed distance of mean 1 / k beyond the reference price. The best quote at distance delta from it,
        negative on the far side, is thus taken with probability min(1, A exp(-k delta) dt).

    Attributes:
        arrival: A, takers a second on each side.
        decay: k, per price scale of the market.
        size: quantity of each order, in size scales of the market.
    """

    trader = take
    traits = Traits(warms_up=True)
    arrival: float = 0.5
    decay: float = 2.0
    size: float = 1.0

    def __post_init__(self) -> None:
        for name in ("arrival", "decay", "size"):
            require(getattr(self, name) > 0, f"exponential_takers.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the distance in ticks that every taker reaches, the mean distance beyond it and the size in lots."""
        chance = self.arrival * spec.step_seconds
        require(chance <= 1, "exponential_takers.arrival", self.arrival, f"at most one a step in {spec.name}")
        mean = spec.price_scale_ticks / self.decay
        return (mean * math.log(chance), mean, spec.lots(self.size))
