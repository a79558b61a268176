"""A group of seats that an RLlib learner plays from outside the step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.interfaces import Decision, Experience, Floats, MarketShard, Masks, Policy, Trajectory
from marl_market.agents.rllib.batches.rollout import Rollout
from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from marl_market.env.batch_market import BatchMarket


class GroupLearner:
    """Play and teach one group through one `OnPolicyLearner`."""

    def __init__(self, learner: OnPolicyLearner) -> None:
        """Wrap a learner."""
        self._learner = learner

    @property
    def state_size(self) -> int:
        """Return how many numbers a row remembers."""
        return self._learner.state_size

    def prepare(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Write nothing: the mind is outside the step."""

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return the policy's actions and the columns its rollouts need."""
        return self._learner.act(observation, state, noise, mask)

    def learn(self, experience: Experience) -> dict[str, float]:
        """Update policy and critic from one session, unless none of its seats was in the market then."""
        trajectory = experience.trajectory
        if trajectory is None:
            raise TypeError("experience has no trajectory; an RLlib group learns from what it saw and did")
        if not trajectory.decided.any():
            return {}
        return self._learner.learn(self._rollout(trajectory, experience.reward))

    def _rollout(self, trajectory: Trajectory, reward: Floats) -> Rollout:
        """Return a session as the learner takes it."""
        ended = trajectory.ended
        columns: Mapping[str, Any] = trajectory.columns
        return Rollout(
            observation=trajectory.observation,
            action=trajectory.action,
            reward=reward,
            decided=trajectory.decided,
            terminated=ended,
            truncated=np.zeros_like(ended),
            final_observation=np.zeros((0, trajectory.observation.shape[2]), np.float32),
            final_step=np.zeros(0, np.int64),
            final_row=np.zeros(0, np.int64),
            action_mask=None if trajectory.mask is None else trajectory.mask[:-1],
            **columns,
        )

    def pretrain(self, sessions: Sequence[Experience], fitting: BCConfig) -> dict[str, float]:
        """Do as was done in `sessions`, the last of which is held out."""
        return self._learner.pretrain(sessions, fitting)

    def policy(self) -> Policy:
        """Return what is done without exploring, compiled where it can be."""
        return self._learner.policy()

    def get_weights(self) -> dict[str, Any]:
        """Return the policy's weights."""
        return self._learner.get_weights()

    def set_weights(self, shared: dict[str, Any]) -> None:
        """Act with another's weights."""
        self._learner.set_weights(shared)

    def get_state(self) -> dict[str, Any]:
        """Return weights, optimizer and counters."""
        return self._learner.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        self._learner.set_state(state)
