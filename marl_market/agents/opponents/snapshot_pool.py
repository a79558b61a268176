"""Historical policies as opponents: snapshots of a learning group, one per pair of markets.

Fictitious self-play (Heinrich, Lanctot and Silver 2015, "Fictitious self-play in extensive-form games"): a policy that
learns against a uniform draw of past policies cannot win by an exploit of the last one alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.interfaces import (
    Decision,
    ExternalPolicy,
    Learner,
    LearningAgent,
    MarketShard,
    Policy,
    SavedPolicy,
)
from marl_market.agents.policies.compiled_mlp import play
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.rollout import Floats, Masks
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import External, Group
from marl_market.env.population.traits import Traits
from marl_market.market.seeding import Stream, generator
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@dataclass(frozen=True)
class HistoricalPolicies:
    """Play snapshots of the policy of a learning group.

    Sees: its observation.
    Does: the greedy actions of the snapshot drawn for its pair of markets; in evaluation, those of the last snapshot.

    Raises ValueError, naming the field, for a value out of range.

    Attributes:
        group: the group of which snapshots are taken.
        snapshot_every: iterations between snapshots; the first is the untrained policy.
        pool_size: number of snapshots in the pool, the latest ones.
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
        """Return no parameters: the weights of the snapshots are written for each session."""
        return ()

    def snapshot_pool(self, environment: EnvironmentSpec, group: str, seed: int) -> SnapshotPool:
        """Return an empty pool for the group of this name.

        Raises ValueError if `self.group` does not exist, does not learn, has another action or shares no parameters.
        """
        name, learning = f"population.{group}.agent.group", _learning_groups(environment)
        require(self.group in learning, name, self.group, f"a group that learns, of {list(learning)}")
        require(learning[self.group].parameter_sharing, name, self.group, "a group with parameter_sharing")
        own, its = environment.action_of(group), environment.action_of(self.group)
        require(own == its, f"population.{group}.action", own, f"that of {self.group}, {its}")
        return SnapshotPool(self, group, seed)


@dataclass(frozen=True)
class ExternalHistoricalPolicies(External, HistoricalPolicies):  # type: ignore[misc]
    """Play snapshots outside the compiled step: those of policies that do not compile (LSTM, attention, relu)."""


def _learning_groups(environment: EnvironmentSpec) -> dict[str, Group]:
    return {group.name: group for group in environment.groups if isinstance(group.agent, LearningAgent)}


class SnapshotPool:
    """Keep the last snapshots of a policy and play one of them in each pair of markets."""

    def __init__(self, settings: HistoricalPolicies, group: str, seed: int) -> None:
        """Begin with an empty pool."""
        self._settings = settings
        self._group = group
        self._seed = seed
        self._iteration = 0
        self._snapshots: list[SavedPolicy] = []
        self._drawn: NDArray[np.int64] = np.zeros(0, np.int64)

    @property
    def state_size(self) -> int:
        """Return the size of a row's hidden state; 0 for compiled snapshots."""
        last = self._snapshots[-1]
        return last.state_size if isinstance(last, ExternalPolicy) else 0

    def update(self, iteration: int, learners: Mapping[str, Learner]) -> None:
        """Take a snapshot if one is due before `iteration`."""
        if iteration % self._settings.snapshot_every == 0:
            snapshot = learners[self._settings.group].policy()
            self._snapshots = [*self._snapshots, cast(SavedPolicy, snapshot)][-self._settings.pool_size :]

    def at_iteration(self, iteration: int) -> SnapshotPool:
        """Draw the snapshots of `iteration` in the next episode; return the pool."""
        self._iteration = iteration
        return self

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Draw a snapshot for each pair of markets, and write the parameters of compiled ones."""
        start, stop, total = shard or (0, batch.markets.size, batch.markets.size)
        random = generator(self._seed, Stream.SNAPSHOT, self._iteration)
        self._drawn = random.integers(len(self._snapshots), size=(total + 1) // 2).repeat(2)[start:stop]
        first = batch.param_rows[self._group].start
        for index, snapshot in enumerate(self._snapshots):
            if isinstance(snapshot, CompiledPolicy):
                rows = first + np.flatnonzero(self._drawn == index)
                snapshot.network.write_params(batch.params, rows, snapshot.weights)

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return the greedy actions of the snapshot of each row's market; `noise` is ignored.

        Raises TypeError for compiled snapshots, which act inside the step.
        """
        drawn = self._drawn.repeat(len(observation) // self._drawn.size)
        action, next_state = None, np.zeros_like(state)
        for index in np.unique(drawn):
            snapshot, rows = self._snapshots[index], drawn == index
            if not isinstance(snapshot, ExternalPolicy):
                raise TypeError("the snapshots are compiled: they act inside the step")
            decision = snapshot.act(observation[rows], state[rows], None, None if mask is None else mask[rows])
            if action is None:
                action = np.empty((len(observation), decision.action.shape[1]), np.float32)
            action[rows], next_state[rows] = decision.action, decision.state
        assert action is not None
        return Decision(action, next_state, {})

    def policy(self) -> Policy:
        """Return the last snapshot."""
        return self._snapshots[-1]

    def get_weights(self) -> dict[str, Any]:
        """Return the snapshots."""
        return {"snapshots": list(self._snapshots)}

    def set_weights(self, weights: Mapping[str, Any]) -> None:
        """Play the snapshots of another `get_weights`."""
        self._snapshots = list(weights["snapshots"])

    def get_state(self) -> dict[str, Any]:
        """Return the weights of the snapshots."""
        return {"snapshots": [snapshot.get_state() for snapshot in self._snapshots]}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of `get_state`; raises ValueError unless it holds weights of the snapshots of now."""
        last = self._snapshots[-1]
        self._snapshots = [last.with_state(each) for each in state["snapshots"]]
