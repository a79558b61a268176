"""Profit and loss, marked to the market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.interface.schemes import money_scale
from marl_market.env.interface.signatures import reward
from marl_market.exchange.publication import twice_profit
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@reward
def score(public, seat, params, part):  # type: ignore[no-untyped-def]
    """Return the change of equity since the last step, fees included, over the scale."""
    twice = twice_profit(public, seat.account)
    change = twice - seat.agent.reward_memory[part, 0]
    seat.agent.reward_memory[part, 0] = twice
    return change * params.reward_value[part, 0]


@dataclass(frozen=True)
class Profit:
    """The change of cash plus position at the mark, after fees.

    A reward of 1 is the profit of `scale` price scales on one size scale.

    Attributes:
        weight: of this part in the reward.
        scale: price scales times size scales that make a reward of 1.
    """

    reward = score
    weight: float = 1.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        require(self.scale > 0, "reward.profit.scale", self.scale, "above zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return rewards per cash unit of twice the equity."""
        return (0.5 / (self.scale * money_scale(spec)),)
