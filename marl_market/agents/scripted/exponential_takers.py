"""Takers whose patience for a worse price is exponentially distributed: the order flow of Avellaneda and Stoikov."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.exchange.codes import TimeInForce
from marl_market.exchange.commands import submit_limit_order
from marl_market.exchange.random_streams import exponential
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

IMMEDIATE_OR_CANCEL = int(TimeInForce.IMMEDIATE_OR_CANCEL)


@trader
def take(public, seat, params):  # type: ignore[no-untyped-def]
    """Let one buyer and one seller come, each with a worst price of its own."""
    nearest, mean, size = params.value[0], params.value[1], params.value[2]
    for side in (1, -1):
        # Rounded towards the middle: an offer is reached as often as its distance says, at whatever tick it is.
        price = side * math.floor(side * public.reference_ticks + nearest + mean * exponential(seat))
        submit_limit_order(seat, side, price, size, 0, IMMEDIATE_OR_CANCEL, 0)
    return DECIDED


@dataclass(frozen=True)
class ExponentialTakers:
    """Take liquidity at distance delta with intensity A exp(-k delta) (Avellaneda and Stoikov 2008, section 2.5).

    Sees: the reference price, which is the fundamental value where that is published.
    Does: each step, on each side, an immediate-or-cancel order whose limit is ln(A dt) / k plus an exponentially
        distributed distance of mean 1 / k beyond the reference price. The best quote at distance delta from it, which
        is below zero on the far side, is thus taken with chance min(1, A exp(-k delta) dt), whoever quotes.

    Attributes:
        arrival: A, takers a second on each side.
        decay: k, per price scale of the market.
        size: quantity of each order, in size scales of the market.
    """

    trader = take
    observes = False
    warms_up = True
    params_per_market = False
    arrival: float = 0.5
    decay: float = 2.0
    size: float = 1.0

    def __post_init__(self) -> None:
        for name in ("arrival", "decay", "size"):
            require(getattr(self, name) > 0, f"exponential_takers.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the distance in ticks up to which all take, the mean distance beyond it and the size in lots."""
        chance = self.arrival * spec.step_seconds
        require(chance <= 1, "exponential_takers.arrival", self.arrival, f"at most one a step in {spec.name}")
        mean = spec.price_scale_ticks / self.decay
        return (mean * math.log(chance), mean, spec.lots(self.size))
