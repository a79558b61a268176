"""Dampening of speculative gains; losses and captured spreads stay whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.interface.signatures import reward
from marl_market.env.rewards.money_reward import MoneyReward
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@reward
def score(public, seat, params, part):  # type: ignore[no-untyped-def]
    """Return minus the damped share of the gain of the step's initial position by the change of the mark."""
    memory = seat.agent.reward_memory[part]
    gain_twice = memory[0] * (public.twice_mark_ticks - memory[1]) * public.cash_per_tick_lot
    memory[0] = seat.account.position
    memory[1] = public.twice_mark_ticks
    return -max(0.0, gain_twice) * params.reward_value[part, 0]


@dataclass(frozen=True)
class AsymmetricInventory(MoneyReward):
    """The asymmetric dampening of inventory gains; beside `profit` it makes asymmetrically dampened profit.

    It subtracts max(0, damping x position x change of the mark): speculative gains pay less, speculative losses count
    in full, and so do gains from trading at better prices than the mark (Spooner, Fearnley, Savani and Koukorinis
    2018, "Market making via reinforcement learning", section 4.3).

    Attributes (weight and scale as of `MoneyReward`; the scale is that of the profit beside it):
        damping: share of a speculative gain that is subtracted.
    """

    reward = score
    name = "asymmetric_inventory"
    damping: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.damping <= 1, f"reward.{self.name}.damping", self.damping, "above 0 and at most 1")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the reward subtracted for one cash unit of twice the gain."""
        return (0.5 * self.damping / self.cash_units(spec),)
