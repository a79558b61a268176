"""Realized profit and loss."""

from __future__ import annotations

from dataclasses import dataclass

from marl_market.env.interface.signatures import reward
from marl_market.env.rewards.money_reward import MoneyReward


@reward
def score(public, seat, params, part):  # type: ignore[no-untyped-def]
    """Return the change of realized profit after fees, which is cash plus the cost of the position, over the scale."""
    total = seat.account.cash + seat.account.cost
    change = total - seat.agent.reward_memory[part, 0]
    seat.agent.reward_memory[part, 0] = total
    return change * params.reward_value[part, 0]


@dataclass(frozen=True)
class Realized(MoneyReward):
    """The change of realized profit, closing price against average cost, after fees.

    An open position counts for nothing, so holding a loss is free: add a part that charges for it.

    Attributes: as of `MoneyReward`.
    """

    reward = score
    name = "realized"
