"""The sampler: plays sessions of a batch of markets and returns the rollouts of all groups that have an actor.

Assumptions: an iteration is one session of every market. Its random numbers follow from the run's seed and the
iteration alone, so a resumed run continues as if it had never stopped. With `pairs`, markets 2i and 2i + 1 use common
random numbers, exploration noise included: they differ only by their evolved candidates (antithetic pairs). Without,
every market has random numbers of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from marl_market.agents.initial_learners import initial_learners, initial_opponents
from marl_market.agents.interfaces import EpisodeActor, LearningAgent, MarketShard, Opponents
from marl_market.agents.rollout import Floats
from marl_market.agents.sampling.group_actor import GroupActor
from marl_market.agents.sampling.sampled_session import SampledSession
from marl_market.agents.sampling.session import play_session
from marl_market.agents.sampling.session_buffer import SessionBuffer
from marl_market.env.batch_market import BatchMarket
from marl_market.env.step.faults import NonFiniteError
from marl_market.market.seeding import Stream, derive_keys, generator


class ConservationError(RuntimeError):
    """A session created or lost positions or money."""


class Sampler:
    """Samples sessions from one batch.

    It can be copied, deep-copied and pickled with its learners: a copy has a batch and learners of its own.
    """

    def __init__(
        self,
        batch: BatchMarket,
        learners: Mapping[str, EpisodeActor],
        seed: int,
        pairs: bool = True,
        shard: MarketShard | None = None,
        opponents: Opponents | None = None,
    ) -> None:
        """Sample from `batch` by `learners`, by group name, against `opponents`; `pairs` use common random numbers.

        `shard` names the markets of the run that the batch plays, exactly as if it played all; None: all. Raises
        ValueError for an odd number of markets in pairs.
        """
        require_pairs(batch.markets.size, pairs)
        self._batch = batch
        self._learners = learners
        self._opponents = opponents
        self._sharing = 2 if pairs else 1
        self._seed = seed
        self._shard = shard or MarketShard(0, batch.markets.size, batch.markets.size)
        self._buffer = SessionBuffer(batch)

    def sample(self, iteration: int) -> SampledSession:
        """Play one session of every market.

        Raises NonFiniteError, with the iteration and the market of the run, where a number is not finite, and
        ConservationError for positions or money out of nothing.
        """
        actors = self._actors(iteration)
        # Drawn for all markets of the run, wherever they are played, so that a shard does not change them.
        start, stop, different = (number // self._sharing for number in self._shard)
        seeds = derive_keys(self._seed, Stream.SAMPLE, iteration, count=different)
        noise = self._noise(iteration)
        try:
            play_session(
                self._batch,
                list(actors.values()),
                np.repeat(seeds[start:stop], self._sharing),
                noise=lambda: next(noise),
                recorders=(self._buffer,),
                on_step=self._buffer.add,
            )
            session = self._buffer.session(actors)
        except NonFiniteError as error:
            market = self._shard.start + error.market
            raise NonFiniteError(error.source, market, error.place, iteration + 1) from None
        self._check_conservation(iteration)
        return session

    def __copy__(self) -> Sampler:
        return copy.deepcopy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Sampler:
        return _restore(*copy.deepcopy(self._content(), memo))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, self._content()

    def _content(self) -> tuple[Any, ...]:
        """Return the arguments of `_restore`; RLlib's learners cannot be copied, but their states can."""
        learns = {group.name for group in self._batch.environment.groups if isinstance(group.agent, LearningAgent)}
        learned = {name: each.get_state() for name, each in self._learners.items() if name in learns}  # type: ignore[attr-defined]
        others = {name: each for name, each in self._learners.items() if name not in learns}
        opponents = None if self._opponents is None else self._opponents.get_weights()
        return self._batch, self._seed, self._sharing == 2, self._shard, learned, others, opponents

    def describe(self) -> str:
        """Return where it samples, for people."""
        return f"this process (threads: {self._batch.threads})"

    def _actors(self, iteration: int) -> dict[str, GroupActor]:
        """Return the actors of an iteration by group name."""
        lineup = {} if self._opponents is None else self._opponents.lineup(iteration)
        actors: dict[str, EpisodeActor] = {**self._learners, **lineup}
        return {name: GroupActor(self._batch, name, actor, self._shard) for name, actor in actors.items()}

    def _noise(self, iteration: int) -> Iterator[Floats]:
        """Yield the exploration noise (markets, external seats, action size) of each step."""
        start, stop, different = (number // self._sharing for number in self._shard)
        random = generator(self._seed, Stream.EXPLORATION, iteration)
        shape = different, self._batch.external.size, self._batch.environment.action_size
        while True:
            yield np.repeat(random.standard_normal(shape, np.float32)[start:stop], self._sharing, axis=0)

    def _check_conservation(self, iteration: int) -> None:
        position_error, cash_error = self._batch.conservation_errors()
        for market in np.flatnonzero((position_error != 0) | (cash_error != 0))[:1]:
            raise ConservationError(
                f"iteration {iteration + 1}, market {self._shard.start + market}: positions sum to "
                f"{position_error[market]} lots, cash and fees to {cash_error[market]} cash units; both must be 0"
            )


def require_pairs(markets: int, pairs: bool) -> None:
    """Raise ValueError for an odd number of markets in pairs."""
    if pairs and markets % 2:
        raise ValueError(f"training.markets is {markets}; markets go in pairs, so it must be even")


def _restore(
    batch: BatchMarket,
    seed: int,
    pairs: bool,
    shard: MarketShard,
    learned: Mapping[str, Any],
    others: Mapping[str, EpisodeActor],
    opponents: Mapping[str, Any] | None,
) -> Sampler:
    """Return a sampler whose learners continue from the states `learned`."""
    learners = {name: each for name, each in initial_learners(batch.environment, seed).items() if name in learned}
    for name, learner in learners.items():
        learner.set_state(learned[name])
    restored = None
    if opponents is not None:
        restored = initial_opponents(batch.environment, seed)
        restored.set_weights(opponents)
    return Sampler(batch, {**learners, **others}, seed, pairs, shard, restored)
