"""A group that is asked from outside the step: where its seats stand in a batch, and what they remember."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.interfaces import Actor, Floats, initial_state
from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.schemes import mask_size_of


class GroupActor:
    """Ask a mind for the seats of one group, in every market of a batch.

    Attributes:
        places: the group's seats among the external ones of a market.
        numbers: how many an action of the group has.
        choices: how many its mask has; 0 where it has none.
    """

    def __init__(self, batch: BatchMarket, group: str, actor: Actor) -> None:
        """Seat `actor` in the external group of this name."""
        seats, scheme = batch.environment.seats_of(group), batch.environment.action_of(group)
        first = int(np.searchsorted(batch.external, seats.start))
        self.places = slice(first, first + seats.stop - seats.start)
        self.numbers, self.choices = scheme.size, mask_size_of(scheme)
        self._batch, self._actor = batch, actor
        self._seats = seats
        self.begin()

    def begin(self) -> None:
        """Forget everything, as a session begins."""
        markets = self._batch.markets.size
        self._state = initial_state(self._actor, markets * (self.places.stop - self.places.start))

    def decide(self, action: Floats, noise: Floats | None = None) -> Mapping[str, NDArray[Any]]:
        """Write what the seats do next into `action`; return the columns to remember with it.

        Seats that are not in the market, or sleep, decide nothing and remember what they did before.

        Args:
            action: (markets, external seats, numbers).
            noise: standard normal noise of the same shape that explores; None: each does what it thinks best.
        """
        batch, own = self._batch, action[:, self.places, : self.numbers]
        decision = self._actor.act(
            rows(batch.observation[:, self.places]),
            self._state,
            None if noise is None else rows(noise[:, self.places, : self.numbers]),
            rows(batch.mask[:, self.places, : self.choices]) if self.choices else None,
        )
        own[:] = decision.action.reshape(own.shape)
        self._state = np.where(batch.active[:, self._seats].reshape(-1, 1), decision.state, self._state)
        return decision.extra


def rows(values: NDArray[Any]) -> NDArray[Any]:
    """Return (markets, seats, ...) as (rows, ...), market by market."""
    return values.reshape(-1, values.shape[-1])
