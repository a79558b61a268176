"""Rewards of whole sessions, such as the realism of a market's tape."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class SessionReward(Protocol):
    """A term of a group's reward that depends on the whole session; it is added to the reward of the last step."""

    def term(self, tape: NDArray[np.void], reward: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the term of each seat `(markets, seats)`.

        Args:
            tape: TAPE_ROW records `(session steps, markets)`, as `BatchMarket.tape`.
            reward: rewards of the group's seats `(session steps, markets, seats)`.
        """
        ...
