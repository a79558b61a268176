"""Which action arrays can be played, and what is said of one that cannot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.compiled import compiled

NO_CHOICES = np.zeros((0, 0), np.int64)
"""No choices: every finite number can be played."""


EXPONENT = np.int32(0x7F800000)
"""The bits of a float32 that are all set where it is not finite."""


class ActionError(ValueError):
    """An action has a shape, type or value that no seat can play."""


@compiled
def validate_actions(action, choices):  # type: ignore[no-untyped-def]
    """Return whether all numbers of (markets, seats, numbers) are finite and, where `choices` says so, a choice."""
    if choices.size == 0:
        largest = np.int32(0)
        for bits in action.reshape(-1).view(np.int32):  # whole numbers, of which many are compared at once
            largest = max(largest, bits & EXPONENT)
        return largest < EXPONENT
    bad = 0
    for market in range(action.shape[0]):
        for seat in range(action.shape[1]):
            for number in range(action.shape[2]):
                value = action[market, seat, number]
                good = np.isfinite(value)
                if choices[seat, number] > 0:
                    good = value >= 0.0 and value < choices[seat, number] and value == np.floor(value)
                bad += not good
    return bad == 0


def action_error(
    action: NDArray[np.float32], choices: NDArray[np.int64] | None, agents: Sequence[str] | None = None
) -> ActionError:
    """Return what is wrong with the first number of (markets, seats, numbers) that is not finite or no choice.

    `choices` (seats, numbers) says how many choices each number has, 0 or None for all that it may be any; `agents`
    names the seats of one market.
    """
    good = np.isfinite(action)
    if choices is not None:
        good &= (choices == 0) | ((action >= 0) & (action < choices) & (action == np.floor(action)))
    market, seat, number = (int(places[0]) for places in np.nonzero(~good))
    place = f"action[{market}, {seat}, {number}]" if agents is None else f"action of {agents[seat]!r}, number {number},"
    count = 0 if choices is None else choices[seat, number]
    wanted = f"be a whole number from 0 to {count - 1}" if count else "be finite"
    return ActionError(f"{place} is {action[market, seat, number]}; it must {wanted}")
