"""The untrained learners and the opponents of a run; the same seed gives the same ones."""

from __future__ import annotations

from collections.abc import Iterator

from marl_market.agents.independent_learners import build_learner
from marl_market.agents.interfaces import Learner, LearningAgent, RunLearner, RunLength
from marl_market.agents.opponents.snapshot_opponents import SnapshotOpponents
from marl_market.agents.opponents.snapshot_pool import HistoricalPolicies
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.market.seeding import Stream, derive_seeds


def initial_learners(environment: EnvironmentSpec, seed: int, run: RunLength | None = None) -> dict[str, Learner]:
    """Return an untrained learner for each group that learns, by name.

    Raises ConfigError for one that cannot learn in a run of this length; None: they will only act.
    """
    learners = {
        group.name: build_learner(environment, group, word)
        for group, word in _seeded(environment, seed)
        if isinstance(group.agent, LearningAgent)
    }
    for learner in learners.values():
        if run is not None and isinstance(learner, RunLearner):
            learner.begin_run(run)
    return learners


def initial_opponents(environment: EnvironmentSpec, seed: int) -> SnapshotOpponents:
    """Return the opponents of all groups of historical policies, without a snapshot."""
    return SnapshotOpponents(
        {
            group.name: group.agent.snapshot_pool(environment, group.name, word)
            for group, word in _seeded(environment, seed)
            if isinstance(group.agent, HistoricalPolicies)
        }
    )


def _seeded(environment: EnvironmentSpec, seed: int) -> Iterator[tuple[Group, int]]:
    """Return each group and its seed."""
    return zip(environment.groups, derive_seeds(seed, Stream.LEARNER, len(environment.groups)), strict=True)
