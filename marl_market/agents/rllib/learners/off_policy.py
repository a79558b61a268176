"""The learner from a replay buffer, of DQN, SAC and TQC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.columns import Columns
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.interfaces import RunLength
from marl_market.agents.rllib.batches.replay_buffer import ReplayBuffer, Transitions, transitions
from marl_market.agents.rllib.learners.learner import LearnerSettings, RLlibLearner
from marl_market.agents.rllib.networks.action_distribution import as_space
from marl_market.agents.rollout import Rollout
from marl_market.market.seeding import Stream, generator


class OffPolicyLearner(RLlibLearner):
    """Store the transitions of one group and learn from samples of them."""

    def __init__(
        self,
        rllib_learner: Any,
        metrics: Mapping[str, str],
        seed: int,
        settings: LearnerSettings,
        *,
        capacity: int,
        n_step: int,
        learning_starts: int,
        batch_size: int,
        decisions_per_update: int,
    ) -> None:
        """Take over a built RLlib learner; the rest as in `marl_market.agents.rllib.algorithms.off_policy`."""
        super().__init__(rllib_learner, metrics, seed, settings)
        self._replay = ReplayBuffer(capacity)
        self._n_step = n_step
        self._learning_starts = learning_starts
        self._batch_size = batch_size
        self._decisions_per_update = decisions_per_update
        self._left_over = 0

    def _complaints(self, run: RunLength) -> Iterator[str]:
        steps = self.settings.session_steps
        most = run.iterations * run.markets * self.settings.seats * steps
        if most < self._learning_starts:
            yield (
                f"learning_starts is {self._learning_starts} and the run has at most {most} decisions, so that it will "
                "never learn"
            )
        elif most < self._decisions_per_update:
            yield (
                f"decisions_per_update is {self._decisions_per_update} and the run has at most {most} decisions, so "
                "that it will never learn"
            )
        if self._n_step > steps:
            yield f"n_step is {self._n_step} and a session has {steps} steps, so that no value is ever bootstrapped"

    def _idle_reason(self) -> str:
        if self.decisions == 0 and len(self._replay) == 0:
            return super()._idle_reason()
        if len(self._replay) < self._learning_starts:
            return f"the replay buffer holds {len(self._replay)} of learning_starts={self._learning_starts} decisions"
        return f"{self._left_over} decisions so far of decisions_per_update={self._decisions_per_update}"

    def _learn(self, rollout: Rollout) -> dict[str, float]:
        """Store one session, then update as often as its decisions allow; return the metrics of the last update.

        To RLlib, which counts decisions to update target networks, the updates are spread over the session.
        """
        decisions = self._store(rollout)
        self.normalization.observe_observations(rollout)
        if len(self._replay) < self._learning_starts:
            self.decisions += decisions
            return {"replay_size": float(len(self._replay))}
        updates, self._left_over = divmod(self._left_over + decisions, self._decisions_per_update)
        if updates == 0:
            self.decisions += decisions
            return {"replay_size": float(len(self._replay))}
        metrics = {}
        for elapsed in np.diff(np.linspace(0, decisions, updates + 1).astype(int)).tolist():
            random = generator(self._seed, Stream.REPLAY, self.updates)
            columns = self._normalized(self._replay.sample(self._batch_size, random))
            batch = MultiAgentBatch({DEFAULT_MODULE_ID: SampleBatch(columns)}, env_steps=self._batch_size)
            metrics = self.update(elapsed, batch=batch)
        return {**metrics, "replay_size": float(len(self._replay))}

    def _normalized(self, columns: Transitions) -> Transitions:
        """Return transitions with rewards and observations normalized by the statistics of now."""
        return {
            **columns,
            Columns.REWARDS: self.normalization.reward(columns[Columns.REWARDS]),
            Columns.OBS: self.normalization.observation(columns[Columns.OBS]),
            Columns.NEXT_OBS: self.normalization.observation(columns[Columns.NEXT_OBS]),
        }

    def pretrain(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        """Clone the behavior of rollouts, and store them, so that values are first learned from the expert's returns.

        As in deep Q-learning from demonstrations (Hester et al. 2018, arXiv:1704.03732).
        """
        metrics = super().pretrain(rollouts, config)
        for rollout in rollouts:
            self._store(rollout)
        return metrics

    def _store(self, rollout: Rollout) -> int:
        """Add the transitions of a session to the replay buffer; return its number of actions."""
        action = as_space(rollout.action, self.module.action_space)
        self._replay.add(transitions(rollout, action, self._n_step, self.discount))
        return len(rollout)

    def get_state(self) -> dict[str, Any]:
        """Return networks, their targets, optimizers, counters and the replay buffer."""
        return {**super().get_state(), "replay": self._replay.get_state(), "left_over": self._left_over}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        super().set_state(state)
        self._replay.set_state(state["replay"])
        self._left_over = state["left_over"]
