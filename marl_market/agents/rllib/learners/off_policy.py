"""The learner from a replay buffer, of DQN, SAC and TQC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.rllib.batches.replay_buffer import ReplayBuffer, transitions
from marl_market.agents.rllib.learners.learner import RLlibLearner
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
        *,
        capacity: int,
        n_step: int,
        learning_starts: int,
        batch_size: int,
        decisions_per_update: int,
    ) -> None:
        """Take over a built RLlib learner; the rest as in `marl_market.agents.rllib.algorithms.off_policy`."""
        super().__init__(rllib_learner, metrics, seed)
        self._replay = ReplayBuffer(capacity)
        self._n_step = n_step
        self._learning_starts = learning_starts
        self._batch_size = batch_size
        self._decisions_per_update = decisions_per_update

    def _learn(self, rollout: Rollout) -> dict[str, float]:
        """Store one session, then update as often as its decisions allow; return the metrics of the last update.

        To RLlib, which counts decisions to update target networks, the updates are spread over the session.
        """
        decisions = self._store(rollout)
        updates = decisions // self._decisions_per_update
        if len(self._replay) < self._learning_starts or updates == 0:
            self.decisions += decisions
            return {"replay_size": float(len(self._replay))}
        metrics = {}
        for elapsed in np.diff(np.linspace(0, decisions, updates + 1).astype(int)).tolist():
            random = generator(self._seed, Stream.REPLAY, self.updates)
            columns = self._replay.sample(self._batch_size, random)
            batch = MultiAgentBatch({DEFAULT_MODULE_ID: SampleBatch(columns)}, env_steps=self._batch_size)
            metrics = self.update(elapsed, batch=batch)
        return {**metrics, "replay_size": float(len(self._replay))}

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
        return {**super().get_state(), "replay": self._replay.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        super().set_state(state)
        self._replay.set_state(state["replay"])
