"""Profit and loss at the closing value."""

from __future__ import annotations

from dataclasses import dataclass

from marl_market.env.interface.signatures import reward
from marl_market.env.rewards.money_reward import MoneyReward
from marl_market.exchange.closing import closing_profit


@reward
def score(public, seat, params, part):  # type: ignore[no-untyped-def]
    """Return the change of the closing profit since the last step over the scale."""
    now = closing_profit(public, seat)
    change = now - seat.agent.reward_memory[part, 0]
    seat.agent.reward_memory[part, 0] = now
    return change * params.reward_value[part, 0]


@dataclass(frozen=True)
class ClosingProfit(MoneyReward):
    """The change of cash plus what the position would bring if it were closed now, after fees.

    The position is valued at the quotes of other seats, see `marl_market.exchange.closing`: pushing the price at which
    it is marked gains nothing. The sum over a session is the profit with all positions closed at the end.

    Attributes: as of `MoneyReward`.
    """

    reward = score
    name = "closing_profit"
