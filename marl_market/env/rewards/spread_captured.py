"""What a seat earns by trading at better prices than the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.schemes import money_scale
from marl_market.env.interface.signatures import reward
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@reward
def score(public, seat, params, part):  # type: ignore[no-untyped-def]
    """Return the step's fills' distances from the reference price at its start, times their lots.

    Cash before fees falls by side x price x lots with each fill and the position rises by side x lots, so the changes
    of both hold the sum over all fills.
    """
    memory = seat.agent.reward_memory[part]
    paid = seat.account.cash + seat.account.fees
    change = np.float64(seat.account.position) - memory[1]
    worth = change * public.previous_reference_ticks * public.cash_per_tick_lot
    captured = paid - memory[0] + worth
    memory[0] = paid
    memory[1] = seat.account.position
    return captured * params.reward_value[part, 0]


@dataclass(frozen=True)
class SpreadCaptured:
    """For each own fill, side x (reference price at the step's start - price) x lots, before fees.

    A maker gains half the spread with each fill and a taker pays it; what the position then does is not in it.

    Attributes:
        weight: of this part in the reward.
        scale: price scales times size scales that make a reward of 1.
    """

    reward = score
    weight: float = 1.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        require(self.scale > 0, "reward.spread_captured.scale", self.scale, "above zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return rewards per cash unit."""
        return (1.0 / (self.scale * money_scale(spec)),)
