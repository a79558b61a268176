"""Implementation shortfall of an order against the price at its arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import reward
from marl_market.env.rewards.money_reward import MoneyReward
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@reward
def score(public, seat, params, part):  # type: ignore[no-untyped-def]
    """Return minus the shortfall of the step's fills and, in the seat's last step, of the quantity not executed."""
    memory = seat.agent.reward_memory[part]
    if memory[3] == 0.0:
        memory[2] = public.previous_reference_ticks
        memory[3] = 1.0
    arrival = memory[2]
    position = np.float64(seat.account.position)
    gained = seat.account.cash - memory[0] + (position - memory[1]) * arrival * public.cash_per_tick_lot
    memory[0] = seat.account.cash
    memory[1] = position
    if public.step == public.session_steps or seat.present == 0:
        missed = params.reward_value[part, 1] - position
        gained -= missed * (0.5 * public.twice_mark_ticks - arrival) * public.cash_per_tick_lot
    return gained * params.reward_value[part, 0]


@dataclass(frozen=True)
class Shortfall(MoneyReward):
    """Minus the implementation shortfall of an order to reach the position `target` within the session.

    Each fill costs side x (price - arrival price) x lots and its fees, in the step in which it happens; at the close,
    or when the seat leaves before it, the difference to the target costs the distance of the mark from the arrival
    price. The sum over a session is the seat's gain less that of the target filled on arrival, at the mark and without
    fees (Perold 1988, "The implementation shortfall: paper versus reality"). The arrival price is the reference price
    at the beginning of the seat's first step.

    Attributes (weight and scale as of `MoneyReward`):
        target: position to reach, in size scales; negative to sell.
    """

    reward = score
    name = "shortfall"
    target: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.target != 0, f"reward.{self.name}.target", self.target, "a position above or below zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the reward of one cash unit, and the target in whole lots."""
        return (1.0 / self.cash_units(spec), spec.signed_lots(self.target))
