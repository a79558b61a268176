"""Opponents that a learning group knows: what it was some iterations ago, one version a pair of markets.

Fictitious self-play (Heinrich, Lanctot and Silver 2015, "Fictitious self-play in extensive-form games"): who learns
against a uniform draw of past versions cannot win by what beats only the last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from marl_market.agents.interfaces import Decision, Floats, Learner, LearningAgent, MarketShard, Masks
from marl_market.agents.policies.compiled_mlp import play
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.traits import Traits
from marl_market.market.seeding import Stream, generator
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@dataclass(frozen=True)
class HistoricalPolicies:
    """Play versions that a learning group has left behind.

    Sees: its observation.
    Does: what the version says, without exploring; in the final comparison, what the last version kept says.

    Raises ValueError, naming the field, for a value it cannot play with.

    Attributes:
        of: the group whose versions play.
        every: iterations between versions; the first is the newborn.
        keep: versions to draw from, the latest ones.
    """

    trader = play
    traits = Traits(observes=True, parameters_per="market")
    group: str
    snapshot_every: int = 10
    pool_size: int = 8

    def __post_init__(self) -> None:
        for name in ("snapshot_every", "pool_size"):
            require(getattr(self, name) >= 1, f"HistoricalPolicies.{name}", getattr(self, name), "one or more")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return none: what it knows is in its weights."""
        return ()

    def snapshot_pool(self, environment: EnvironmentSpec, group: str, seed: int) -> SnapshotPool:
        """Return the gallery, still empty, that plays the group of this name.

        Raises ValueError where the group `group` is not there, does not learn, or acts in another way.
        """
        learning = [each.name for each in environment.groups if isinstance(each.agent, LearningAgent)]
        require(
            self.group in learning, f"population.{group}.agent.of", self.group, f"a group that learns, of {learning}"
        )
        own, its = environment.action_of(group), environment.action_of(self.group)
        require(own == its, f"population.{group}.action", own, f"that of {self.group}, {its}")
        return SnapshotPool(self, group, seed)


class SnapshotPool:
    """Keep versions of a mind and play one of them in each pair of markets."""

    state_size = 0

    def __init__(self, settings: HistoricalPolicies, group: str, seed: int) -> None:
        """Begin without a version."""
        self._settings = settings
        self._group = group
        self._seed = seed
        self._iteration = 0
        self._versions: list[CompiledPolicy] = []

    def update(self, iteration: int, params: Mapping[str, Learner]) -> None:
        """Go on to an iteration and take a version where one is due, of the learners by name in `params`.

        Raises ValueError where the policy does not compile.
        """
        self._iteration = iteration
        if iteration % self._settings.snapshot_every == 0:
            version = params[self._settings.group].policy()
            if not isinstance(version, CompiledPolicy):
                raise ValueError(
                    f"population.{self._group}.agent.of is {self._settings.group!r}, whose policy does not compile; it "
                    "must be a group that shares one network of tanh layers, without memory or attention"
                )
            self._versions = [*self._versions, version][-self._settings.pool_size :]

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Write a version, drawn at random, into each pair of markets."""
        rows = batch.param_rows[self._group]
        start, stop, total = shard or (0, rows.stop - rows.start, rows.stop - rows.start)
        random = generator(self._seed, Stream.SNAPSHOT, self._iteration)
        drawn = random.integers(len(self._versions), size=(total + 1) // 2).repeat(2)[start:stop]
        for number, version in enumerate(self._versions):
            version.network.write_params(batch.params, rows.start + np.flatnonzero(drawn == number), version.weights)

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Raise TypeError: the versions play inside the step."""
        raise TypeError("past selves play inside the step; nobody asks them for actions")

    def policy(self) -> CompiledPolicy:
        """Return the last version kept."""
        return self._versions[-1]

    def get_weights(self) -> dict[str, Any]:
        """Return what decides which version plays where."""
        return self.get_state()

    def set_weights(self, shared: dict[str, Any]) -> None:
        """Play the versions of another gallery."""
        self.set_state(shared)

    def get_state(self) -> dict[str, Any]:
        """Return the versions kept."""
        return {"iteration": self._iteration, "versions": list(self._versions)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        self._iteration, self._versions = state["iteration"], list(state["versions"])
