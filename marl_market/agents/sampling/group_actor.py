"""The actor of one group in a batch of markets: its rows of observations and actions, and its hidden state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.interfaces import Actor, EpisodeActor, MarketShard, initial_state
from marl_market.agents.rollout import Floats
from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.schemes import mask_size_of


class GroupActor:
    """Act in all seats of one group, in every market of a batch.

    Attributes:
        group: name of the group.
        is_external: whether its actions come from outside the compiled step; a compiled policy acts inside it.
        indices: of the group's seats among the external seats of a market.
        action_size: numbers of an action, A.
        mask_size: choices of its action mask, C; 0 for an action without a mask.
    """

    def __init__(self, batch: BatchMarket, group: str, actor: Actor, shard: MarketShard | None = None) -> None:
        """Act by `actor`; `shard` names the markets of the run that the batch plays; None: all."""
        seats, scheme = batch.environment.seats_of(group), batch.environment.action_of(group)
        first = int(np.searchsorted(batch.external, seats.start))
        self.group = group
        self.is_external = seats.start in batch.external
        self.indices = slice(first, first + seats.stop - seats.start)
        self.action_size, self.mask_size = scheme.size, mask_size_of(scheme)
        self._batch, self._actor, self._shard = batch, actor, shard
        self._seats = seats

    def on_episode_start(self) -> None:
        """Load the parameters of the session and reset the hidden state."""
        if isinstance(self._actor, EpisodeActor):
            self._actor.on_episode_start(self._batch, self._shard)
        rows = self._batch.markets.size * (self._seats.stop - self._seats.start)
        self._state = initial_state(self._actor, rows)

    def act(self, action: Floats, noise: Floats | None = None) -> Mapping[str, NDArray[Any]]:
        """Write the group's next actions into `action` (markets, external seats, numbers); return the extra columns.

        The hidden state of an inactive agent stays as it is. `noise` is standard normal, of the shape of `action`;
        None asks for greedy actions.
        """
        batch, own = self._batch, action[:, self.indices, : self.action_size]
        decision = self._actor.act(
            rows_of(batch.observation[:, self.indices]),
            self._state,
            None if noise is None else rows_of(noise[:, self.indices, : self.action_size]),
            rows_of(batch.mask[:, self.indices, : self.mask_size]) if self.mask_size else None,
        )
        own[:] = decision.action.reshape(own.shape)
        self._state = np.where(batch.active[:, self._seats].reshape(-1, 1), decision.state, self._state)
        return decision.extra


def rows_of(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array (markets, seats, ...) as (rows, ...), market by market."""
    return values.reshape(-1, values.shape[-1])
