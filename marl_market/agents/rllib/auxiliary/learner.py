"""A group whose policy's encoder also learns to foretell: it watches the market while it acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from marl_market.agents.interfaces import Decision, Experience, Floats, MarketShard, Masks, Trajectory, initial_state
from marl_market.agents.rllib.auxiliary.heads import column_of
from marl_market.agents.rllib.auxiliary.scores import scores_of
from marl_market.agents.rllib.auxiliary.task import AuxiliaryTask, head_of
from marl_market.agents.rllib.batches.rollout import Rollout
from marl_market.agents.rllib.learners.group_learner import GroupLearner
from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec

WATCHED = "watched_"
"""Prefix of the columns of a trajectory that hold what was watched."""


def group_learner(
    learner: OnPolicyLearner, targets: Mapping[str, AuxiliaryTask], environment: EnvironmentSpec, group: str
) -> GroupLearner:
    """Return what plays and teaches the group of this name by `learner`, with a head for each of `targets`, or none."""
    if not targets:
        return GroupLearner(learner)
    return AuxiliaryLearner(learner, targets, environment, group)


class AuxiliaryLearner(GroupLearner):
    """Play and teach one group through an `OnPolicyLearner` with heads.

    What is watched goes into the trajectory's columns and from there into targets; the policy acts by its observation
    alone.
    """

    def __init__(
        self, learner: OnPolicyLearner, targets: Mapping[str, AuxiliaryTask], environment: EnvironmentSpec, group: str
    ) -> None:
        """Wrap a learner whose module has a head for each of `targets`."""
        super().__init__(learner)
        self._targets = targets
        self._environment = environment
        self._group = group
        self._batch: BatchMarket | None = None

    def prepare(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Watch this batch."""
        self._batch = batch

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return the policy's actions and the columns its rollouts need, and what the market shows just now."""
        decision = super().act(observation, state, noise, mask)
        if self._batch is None:
            raise RuntimeError("there is no market to watch yet: call prepare before act")
        seats = self._environment.seats_of(self._group)
        watched = {
            WATCHED + name: target.watch(self._batch, seats).reshape(len(observation), -1).astype(np.float32)
            for name, target in self._targets.items()
        }
        return decision._replace(columns={**decision.columns, **watched})

    def learn(self, experience: Experience) -> dict[str, float]:
        """Foretell one session with what was known before it, then learn from it; return both metrics."""
        trajectory = experience.trajectory
        foretold = {} if trajectory is None else self._foretold(trajectory)
        return {**super().learn(experience), **foretold}

    def _foretold(self, trajectory: Trajectory) -> dict[str, float]:
        decided = trajectory.decided
        seen, targets = trajectory.observation[:-1][decided], self._columns(trajectory)
        state = trajectory.columns["state"][decided] if self.state_size else initial_state(self, len(seen))
        outputs = self._learner.predict(seen, state)
        return {
            f"{column_of(name)}_{score}": value
            for name, target in self._targets.items()
            for score, value in scores_of(
                head_of(target, self._environment), outputs[name], targets[column_of(name)][decided]
            ).items()
        }

    def _rollout(self, trajectory: Trajectory, reward: Floats) -> Rollout:
        own = {name: values for name, values in trajectory.columns.items() if not name.startswith(WATCHED)}
        return replace(super()._rollout(replace(trajectory, columns=own), reward), extra=self._columns(trajectory))

    def _columns(self, trajectory: Trajectory) -> dict[str, Floats]:
        """Return the targets of all heads, (T, R, numbers) each, by the name of their column."""
        return {
            column_of(name): target.targets(trajectory.columns[WATCHED + name], self._environment, self._group)
            for name, target in self._targets.items()
        }
