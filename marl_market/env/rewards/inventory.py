"""Quadratic inventory penalty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import reward
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@reward
def score(public, seat, params, part):  # type: ignore[no-untyped-def]
    """Return minus the aversion times the square of the position."""
    position = np.float64(seat.account.position)
    return -params.reward_value[part, 0] * position * position


@dataclass(frozen=True)
class Inventory:
    """The quadratic inventory penalty; beside `profit` it makes inventory-penalized profit.

    Each step costs `aversion` times the squared position in size scales: the running penalty of Cartea, Jaimungal and
    Penalva 2015, "Algorithmic and High-Frequency Trading", section 10.3.

    Attributes:
        weight: of this part in the reward.
        aversion: cost of one step with a position of one size scale.
    """

    reward = score
    weight: float = 1.0
    aversion: float = 0.01

    def __post_init__(self) -> None:
        require(self.aversion > 0, "reward.inventory.aversion", self.aversion, "above zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the cost of a step for each squared lot."""
        return (self.aversion / spec.size_scale_lots**2,)
