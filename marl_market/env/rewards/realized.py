"""Profit and loss of what has been closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.interface.schemes import money_scale
from marl_market.env.interface.signatures import reward
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@reward
def score(public, seat, params, part):  # type: ignore[no-untyped-def]
    """Return the change of realized profit less fees, which is cash plus the cost of what is open, over the scale."""
    total = seat.account.cash + seat.account.cost
    change = total - seat.agent.reward_memory[part, 0]
    seat.agent.reward_memory[part, 0] = total
    return change * params.reward_value[part, 0]


@dataclass(frozen=True)
class Realized:
    """The profit that closing at another price than the average cost has realized, after fees.

    What is still open counts for nothing, so holding a loss is free: add a part that charges for it.

    Attributes:
        weight: of this part in the reward.
        scale: price scales times size scales that make a reward of 1.
    """

    reward = score
    weight: float = 1.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        require(self.scale > 0, "reward.realized.scale", self.scale, "above zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return rewards per cash unit."""
        return (1.0 / (self.scale * money_scale(spec)),)
