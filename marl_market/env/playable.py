"""Which action arrays can be played, and what is said of one that cannot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class ActionError(ValueError):
    """An action has a shape, type or value that no seat can play."""


def require_playable(
    action: NDArray[np.float32], choices: NDArray[np.int64] | None, agents: Sequence[str] | None = None
) -> None:
    """Raise ActionError for the first number of (markets, seats, numbers) that is not finite or no choice.

    `choices` (seats, numbers) says how many choices each number has, 0 or None for all that it may be any; `agents`
    names the seats of one market.
    """
    good = np.isfinite(action)
    if choices is not None:
        good &= (choices == 0) | ((action >= 0) & (action < choices) & (action == np.floor(action)))
    if good.all():
        return
    market, seat, number = (int(places[0]) for places in np.nonzero(~good))
    place = f"action[{market}, {seat}, {number}]" if agents is None else f"action of {agents[seat]!r}, number {number},"
    count = 0 if choices is None else choices[seat, number]
    wanted = f"be a whole number from 0 to {count - 1}" if count else "be finite"
    raise ActionError(f"{place} is {action[market, seat, number]}; it must {wanted}")
