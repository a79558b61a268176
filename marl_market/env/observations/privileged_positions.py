"""Privileged: the positions of all other seats, which no trader could know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import privileged_encoder
from marl_market.market.validation import require


@privileged_encoder
def encode(public, seats, index, observation, size):  # type: ignore[no-untyped-def]
    """Write the position of each other seat in seat order, in ten size scales; zero beyond the last one."""
    place = 0
    for i in range(seats.size):
        if i != index and place < size:
            observation[place] = np.float32(0.1 * seats[i].account.position / public.size_scale_lots)
            place += 1
    for j in range(place, size):
        observation[j] = np.float32(0.0)


@dataclass(frozen=True)
class PrivilegedPositions:
    """The inventories of the first `others` seats beside the one that looks.

    For critics, teachers and bounds on what information is worth, not for a trader that is to be believed.

    Attributes:
        others: how many seats are seen, in seat order; numbers of seats that a market does not have are zero.
    """

    privileged_encoder = encode
    tracks_history = False
    others: int = 15

    def __post_init__(self) -> None:
        require(self.others >= 1, "observation.privileged_positions.others", self.others, "1 or more")

    @property
    def size(self) -> int:
        """Return a number for each other seat."""
        return self.others
