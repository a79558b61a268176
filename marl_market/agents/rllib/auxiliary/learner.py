"""An on-policy learner whose policy encoder also learns auxiliary tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from marl_market.agents.interfaces import Decision, MarketShard, initial_state
from marl_market.agents.rllib.auxiliary.heads import column_of
from marl_market.agents.rllib.auxiliary.scores import scores_of
from marl_market.agents.rllib.auxiliary.task import AuxiliaryTask, head_of
from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from marl_market.agents.rollout import Floats, Masks, Rollout
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec

INPUT = "auxiliary_input_"
"""Prefix of the rollout's columns that hold the inputs of the targets."""


class AuxiliaryLearner(OnPolicyLearner):
    """Act and learn for one group with auxiliary heads.

    The inputs of the targets are columns of the rollout; the policy acts by its observation alone.
    """

    def __init__(
        self,
        *learner: Any,
        tasks: Mapping[str, AuxiliaryTask],
        environment: EnvironmentSpec,
        group: str,
        **settings: Any,
    ) -> None:
        """Take over an RLlib learner whose module has a head for each of `tasks`."""
        super().__init__(*learner, **settings)
        self._tasks = tasks
        self._environment = environment
        self._group = group
        self._batch: BatchMarket | None = None

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Record the inputs of the targets from this batch."""
        self._batch = batch

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return the policy's actions, and the inputs of the targets among their further columns."""
        decision = super().act(observation, state, noise, mask)
        if self._batch is None:
            raise RuntimeError("there is no market to record inputs of: call on_episode_start before act")
        seats = self._environment.seats_of(self._group)
        inputs = {
            INPUT + name: task.record_inputs(self._batch, seats).reshape(len(observation), -1).astype(np.float32)
            for name, task in self._tasks.items()
        }
        return decision._replace(extra={**decision.extra, **inputs})

    def _learn(self, rollout: Rollout) -> dict[str, float]:
        """Score the predictions of one session, then learn from it; return both metrics."""
        targets = {
            column_of(name): task.targets(rollout.extra[INPUT + name], self._environment, self._group)
            for name, task in self._tasks.items()
        }
        scores = self._scores(rollout, targets)
        own = {name: values for name, values in rollout.extra.items() if not name.startswith(INPUT)}
        return {**super()._learn(replace(rollout, extra={**own, **targets})), **scores}

    def _scores(self, rollout: Rollout, targets: Mapping[str, Floats]) -> dict[str, float]:
        """Return the scores of all heads before the update; `targets` (T, R, numbers) are by column."""
        active = rollout.active
        observation = rollout.observation[:-1][active]
        state = rollout.extra["state"][active] if self.state_size else initial_state(self, len(observation))
        outputs = self.predict(observation, state)
        return {
            f"{column_of(name)}_{score}": value
            for name, task in self._tasks.items()
            for score, value in scores_of(
                head_of(task, self._environment), outputs[name], targets[column_of(name)][active]
            ).items()
        }
