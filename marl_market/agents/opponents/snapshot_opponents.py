"""All opponents of a run: the groups that play snapshots of learning groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from marl_market.agents.interfaces import Learner, Policy
from marl_market.agents.opponents.snapshot_pool import ExternalHistoricalPolicies, HistoricalPolicies, SnapshotPool
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group


class SnapshotOpponents:
    """One snapshot pool for each group of historical policies, by name; without such groups it does nothing."""

    def __init__(self, pools: Mapping[str, SnapshotPool]) -> None:
        """Begin with the pools as they are."""
        self._pools = dict(pools)

    def lineup(self, iteration: int) -> dict[str, SnapshotPool]:
        """Return the actors of an iteration by group name."""
        return {name: pool.at_iteration(iteration) for name, pool in self._pools.items()}

    def update(self, iteration: int, learners: Mapping[str, Learner]) -> None:
        """Take the snapshots that are due before `iteration`."""
        for pool in self._pools.values():
            pool.update(iteration, learners)

    def policies(self) -> dict[str, Policy]:
        """Return the last snapshot of each group by name."""
        return {name: pool.policy() for name, pool in self._pools.items()}

    def get_weights(self) -> dict[str, Any]:
        """Return the snapshots of all pools, for copies in other processes."""
        return {name: pool.get_weights() for name, pool in self._pools.items()}

    def set_weights(self, weights: Mapping[str, Any]) -> None:
        """Play the snapshots of another `get_weights`."""
        for name, pool in self._pools.items():
            pool.set_weights(weights[name])

    def get_state(self) -> dict[str, Any]:
        """Return the states of all pools."""
        return {name: pool.get_state() for name, pool in self._pools.items()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        for name, pool in self._pools.items():
            pool.set_state(state[name])


def with_external_opponents(environment: EnvironmentSpec, learners: Mapping[str, Learner]) -> EnvironmentSpec:
    """Return the environment in which groups of historical policies that do not compile are external."""
    return replace(environment, groups=[_with_external_opponent(group, learners) for group in environment.groups])


def _with_external_opponent(group: Group, learners: Mapping[str, Learner]) -> Group:
    agent = group.agent
    if not isinstance(agent, HistoricalPolicies) or agent.group not in learners:
        return group
    if isinstance(learners[agent.group].policy(), CompiledPolicy):
        return group
    return replace(group, agent=ExternalHistoricalPolicies(agent.group, agent.snapshot_every, agent.pool_size))
