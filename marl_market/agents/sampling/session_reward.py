"""The rewards of whole sessions, added to those of the steps after the close."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.env.step.faults import LARGEST_FLOAT, NonFiniteError, place_of_seat


def add_session_rewards(batch: BatchMarket, reward: NDArray[np.float32], terminated: NDArray[np.bool_]) -> None:
    """Add the term of each group's `session_reward` to the reward of a seat's last step in the market, in place.

    Args:
        batch: the markets at the close.
        reward: (steps, markets, seats).
        terminated: (steps, markets, seats), the seat left the market in the step.

    Raises ValueError, naming the group, for a term of another shape, and NonFiniteError for one that is not finite.
    """
    for group in batch.environment.groups:
        if group.session_reward is None:
            continue
        seats = batch.environment.seats_of(group.name)
        own, left = reward[:, :, seats], terminated[:, :, seats]
        term = np.asarray(group.session_reward.term(batch.tape, own))
        if term.shape != own.shape[1:]:
            raise ValueError(
                f"population.{group.name}.session_reward gave a term of shape {term.shape}; it must have shape "
                f"{own.shape[1:]}"
            )
        last = np.where(left.any(axis=0), left.argmax(axis=0), len(own) - 1)
        market, seat = np.indices(term.shape)
        total = own[last, market, seat].astype(np.float64) + term
        for m, s in np.argwhere(~(np.abs(total) <= LARGEST_FLOAT))[:1].tolist():
            place = place_of_seat(batch.environment, seats.start + s, int(last[m, s]))
            raise NonFiniteError(f"population.{group.name}.session_reward", m, f"{place}, value {total[m, s]}")
        own[last, market, seat] = total
