"""Rewards that count money in a unit of the market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from marl_market.env.interface.schemes import money_scale
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@dataclass(frozen=True)
class MoneyReward:
    """Scale and weight of a reward of money.

    Raises ValueError, naming the field, for a scale of zero or below.

    Attributes:
        name: config key, for messages.
        weight: of this part in the reward.
        scale: price scales times size scales that make a reward of 1.
    """

    name: ClassVar[str]
    weight: float = 1.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        require(self.scale > 0, f"reward.{self.name}.scale", self.scale, "above zero")

    def cash_units(self, spec: MarketSpec) -> float:
        """Return the cash units that make a reward of 1."""
        return self.scale * money_scale(spec)

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the reward of one cash unit."""
        return (1.0 / self.cash_units(spec),)
