"""What executing a given order has cost against the price at its arrival."""

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
    """Return minus the shortfall of the step's fills and, in the seat's last step, of what was not executed."""
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
class Shortfall:
    """Minus the implementation shortfall of an order to reach the position `target` within the session.

    Each fill costs side x (price - arrival price) x lots and its fees, in the step in which it happens; at the close,
    or when the seat leaves before it, what is missing from the target, or beyond it, costs its distance from the
    arrival price at the mark. The sum over a session is what was gained less what the target would have gained had it
    been filled on arrival, at the mark and free of charge (Perold 1988, "The implementation shortfall: paper versus
    reality"). The arrival price is the reference price as the seat's first step begins: at the open, unless it comes
    later.

    Attributes:
        weight: of this part in the reward.
        target: position to reach, in size scales; negative to sell.
        scale: price scales times size scales that make a reward of 1.
    """

    reward = score
    weight: float = 1.0
    target: float = 10.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        require(self.target != 0, "reward.shortfall.target", self.target, "a position above or below zero")
        require(self.scale > 0, "reward.shortfall.scale", self.scale, "above zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return rewards per cash unit, and the target in whole lots."""
        return (1.0 / (self.scale * money_scale(spec)), float(round(self.target * spec.size_scale_lots)))
