"""A trader against the move."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.position_target import trade_towards
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def fade(public, seat, params):  # type: ignore[no-untyped-def]
    """Hold a position against the distance of the price from its average."""
    price, position = public.reference_ticks, seat.account.position
    if seat.agent.memory[1] == 0.0:
        seat.agent.memory[0] = price
        seat.agent.memory[1] = 1.0
    seat.agent.memory[0] += params.value[0] * (price - seat.agent.memory[0])
    distance = price - seat.agent.memory[0]
    target = 0
    if distance > params.value[1]:
        target = -int(params.value[2])
    elif distance < -params.value[1]:
        target = int(params.value[2])
    elif distance * position < 0.0:
        target = position
    trade_towards(seat, target)
    return DECIDED


@dataclass(frozen=True)
class MeanReversion:
    """Bet on the return of the price to its exponential moving average (Poterba and Summers 1988: transitory moves).

    Sees: the mid price, its own position.
    Does: sells at market when the price is `threshold` above its average, buys when it is as far below, keeps its
        position while the price stays on that side, and closes it when the price is back.

    Attributes:
        half_life_seconds: of the average.
        threshold: distance that starts a trade, in price scales of the market.
        size: position it takes, in size scales of the market.
    """

    trader = fade
    observes = False
    warms_up = True
    params_per_market = False
    half_life_seconds: float = 20.0
    threshold: float = 1.0
    size: float = 1.0

    def __post_init__(self) -> None:
        for name in ("half_life_seconds", "threshold", "size"):
            require(getattr(self, name) > 0, f"mean_reversion.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the weight of a new price in the average, the threshold in ticks and the size in lots."""
        weight = 1.0 - math.exp2(-spec.step_seconds / self.half_life_seconds)
        return (weight, self.threshold * spec.price_scale_ticks, spec.lots(self.size))
