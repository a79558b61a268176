"""A trend follower."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.position_target import trade_towards
from marl_market.env.trading import DECIDED, MarketSpec, Traits, trader


@trader
def follow(public, seat, params):  # type: ignore[no-untyped-def]
    """Hold a position on the side of the fast average from the slow one."""
    price = public.reference_ticks
    if seat.agent.memory[2] == 0.0:
        seat.agent.memory[0] = price
        seat.agent.memory[1] = price
        seat.agent.memory[2] = 1.0
    seat.agent.memory[0] += params.value[0] * (price - seat.agent.memory[0])
    seat.agent.memory[1] += params.value[1] * (price - seat.agent.memory[1])
    trend = seat.agent.memory[0] - seat.agent.memory[1]
    target = 0
    if trend > params.value[2]:
        target = int(params.value[3])
    elif trend < -params.value[2]:
        target = -int(params.value[3])
    elif trend * seat.account.position > 0.0:
        target = seat.account.position
    trade_towards(seat, target)
    return DECIDED


@dataclass(frozen=True)
class Momentum:
    """Trend following by two exponential moving averages of the mid price.

    Sees: the mid price, its own position.
    Does: buys at market when the fast average is `threshold` above the slow one, sells when it is as far below, keeps
        its position while the averages stay on its side, and closes it when they cross.

    Attributes:
        fast_seconds: half-life of the fast average.
        slow_seconds: half-life of the slow average.
        threshold: distance of the averages beyond which it takes a position, in price scales of the market.
        size: position it takes, in size scales of the market.
    """

    trader = follow
    traits = Traits(warms_up=True)
    fast_seconds: float = 5.0
    slow_seconds: float = 20.0
    threshold: float = 0.5
    size: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.fast_seconds < self.slow_seconds:
            raise ValueError(
                f"momentum.fast_seconds {self.fast_seconds} must be above zero and below slow_seconds "
                f"{self.slow_seconds}"
            )
        for name in ("threshold", "size"):
            if getattr(self, name) <= 0:
                raise ValueError(f"momentum.{name} is {getattr(self, name)}; it must be above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the weight of a new price in each average, the threshold in ticks and the size in lots."""
        fast, slow = (
            1.0 - math.exp2(-spec.step_seconds / half_life) for half_life in (self.fast_seconds, self.slow_seconds)
        )
        size = spec.lots(self.size)
        return (fast, slow, self.threshold * spec.price_scale_ticks, size)
