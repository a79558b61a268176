"""Privileged: the positions of the other seats, which a trader cannot observe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import privileged_encoder
from marl_market.env.interface.values import SIZE_SCALES, Value
from marl_market.market.validation import require


@privileged_encoder
def encode(public, seats, index, observation, size):  # type: ignore[no-untyped-def]
    """Write the position of each other seat in seat order, in ten size scales; zero beyond the last one."""
    number = 0
    for i in range(seats.size):
        if i != index and number < size:
            observation[number] = np.float32(0.1 * seats[i].account.position / public.size_scale_lots)
            number += 1
    for j in range(number, size):
        observation[j] = np.float32(0.0)


@dataclass(frozen=True)
class PrivilegedPositions:
    """The positions of the first `others` seats other than the observing one.

    For critics, experts and bounds on the value of information, not for traders of a realistic market.

    Attributes:
        others: number of seats, in seat order; numbers beyond the last seat of a market are zero.
    """

    privileged_encoder = encode
    tracks_history = False
    others: int = 15

    def __post_init__(self) -> None:
        require(self.others >= 1, "observation.privileged_positions.others", self.others, "1 or more")

    @property
    def size(self) -> int:
        """Return one number for each other seat."""
        return self.others

    @property
    def values(self) -> tuple[Value, ...]:
        """Return the position of each other seat."""
        return tuple(Value(f"position_{index}", f"10 {SIZE_SCALES}") for index in range(self.others))
