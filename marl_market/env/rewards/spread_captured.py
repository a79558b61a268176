"""Gain of fills at better prices than the reference price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import reward
from marl_market.env.rewards.money_reward import MoneyReward


@reward
def score(public, seat, params, part):  # type: ignore[no-untyped-def]
    """Return the sum over the step's fills of side x (reference price at its start - price) x lots.

    Cash before fees falls by side x price x lots with each fill and the position rises by side x lots, so the sum
    follows from the changes of both.
    """
    memory = seat.agent.reward_memory[part]
    paid = seat.account.cash + seat.account.fees
    change = np.float64(seat.account.position) - memory[1]
    value = change * public.previous_reference_ticks * public.cash_per_tick_lot
    captured = paid - memory[0] + value
    memory[0] = paid
    memory[1] = seat.account.position
    return captured * params.reward_value[part, 0]


@dataclass(frozen=True)
class SpreadCaptured(MoneyReward):
    """For each own fill, side x (reference price at the step's start - price) x lots, before fees.

    A maker gains half the spread with each fill and a taker pays it; later moves of the price do not count.

    Attributes: as of `MoneyReward`.
    """

    reward = score
    name = "spread_captured"
