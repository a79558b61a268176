"""Validation of action arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marl_market.env.interface.finite import are_finite
from marl_market.exchange.compiled import compiled

NO_CHOICES = np.zeros((0, 0), np.int64)
"""No discrete numbers: every finite number is valid."""


class ActionError(ValueError):
    """An action has an invalid shape, type or value."""


@compiled
def actions_are_valid(action, choices):  # type: ignore[no-untyped-def]
    """Return whether all numbers of actions (markets, seats, numbers) are finite and, if discrete, a choice.

    `choices` as of `action_error`; an array of size 0 for actions without discrete numbers.
    """
    if choices.size == 0:
        return are_finite(action.ctypes.data, action.size)
    invalid = 0
    for market in range(action.shape[0]):
        for seat in range(action.shape[1]):
            for number in range(action.shape[2]):
                value = action[market, seat, number]
                valid = np.isfinite(value)
                if choices[seat, number] > 0:
                    valid = value >= 0.0 and value < choices[seat, number] and value == np.floor(value)
                invalid += not valid
    return invalid == 0


def action_error(
    action: NDArray[np.float32],
    choices: NDArray[np.int64] | None,
    agents: Sequence[str] | None = None,
    places: Sequence[str] | None = None,
) -> ActionError:
    """Return the error of the first number of actions (markets, seats, numbers) that is not finite or no choice.

    Args:
        action: invalid actions.
        choices: number of choices of each number (seats, numbers), 0 for a continuous one; None if all are.
        agents: names of the seats of a single market, for the message.
        places: group and step of each seat, for the message.
    """
    valid = np.isfinite(action)
    if choices is not None:
        valid &= (choices == 0) | ((action >= 0) & (action < choices) & (action == np.floor(action)))
    market, seat, number = (int(indices[0]) for indices in np.nonzero(~valid))
    name = f"action[{market}, {seat}, {number}]" if agents is None else f"action of {agents[seat]!r}, number {number},"
    count = 0 if choices is None else choices[seat, number]
    wanted = f"be a whole number from 0 to {count - 1}" if count else "be finite"
    place = "" if places is None else f" ({places[seat]})"
    return ActionError(f"{name} is {action[market, seat, number]}; it must {wanted}{place}")


def checked_action(action: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return an action in memory that a kernel reads; raises ActionError for one of another shape or type."""
    if action.shape != shape or action.dtype != np.float32:
        raise ActionError(
            f"action has shape {action.shape} and type {action.dtype}; "
            f"it must be float32 of shape {shape} (markets, external seats, action size)"
        )
    # Another layout, or read-only memory, would compile another kernel.
    return action if action.flags.carray else action.copy(order="C")
