"""A tax on speculation that leaves losses and earned spreads alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.interface.schemes import money_scale
from marl_market.env.interface.signatures import reward
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@reward
def score(public, seat, params, part):  # type: ignore[no-untyped-def]
    """Return minus the damped part of what the position carried into the step has gained by the mark's move."""
    memory = seat.agent.reward_memory[part]
    gain_twice = memory[0] * (public.twice_mark_ticks - memory[1]) * public.cash_per_tick_lot
    memory[0] = seat.account.position
    memory[1] = public.twice_mark_ticks
    return -max(0.0, gain_twice) * params.reward_value[part, 0]


@dataclass(frozen=True)
class AsymmetricInventory:
    """The asymmetric dampening of inventory gains; beside `profit` it makes asymmetrically dampened profit.

    It takes max(0, damping x position x change of the mark) back: speculative gains pay less, speculative losses cost
    all they cost, and what is earned by trading at good prices stays whole (Spooner, Fearnley, Savani and Koukorinis
    2018, "Market making via reinforcement learning", section 4.3).

    Attributes:
        weight: of this part in the reward.
        damping: share of a speculative gain that is taken back.
        scale: price scales times size scales that make a reward of 1; that of the profit beside it.
    """

    reward = score
    weight: float = 1.0
    damping: float = 0.6
    scale: float = 1.0

    def __post_init__(self) -> None:
        require(0 < self.damping <= 1, "reward.asymmetric_inventory.damping", self.damping, "above 0 and at most 1")
        require(self.scale > 0, "reward.asymmetric_inventory.scale", self.scale, "above zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return rewards taken back per cash unit of twice the gain."""
        return (0.5 * self.damping / (self.scale * money_scale(spec)),)
