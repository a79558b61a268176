"""Rollouts of a task without a market: the best action is a known function of the observation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from marl_market.agents.rollout import Floats, Masks, Rollout
from marl_market.env.interface.spaces import continuous
from tests.agents.answers import answer

OBSERVATION_SIZE, ACTION_SIZE = 5, 2
ACTION = continuous(ACTION_SIZE)


def best_action(observation: Floats) -> Floats:
    return np.stack([np.tanh(observation[..., 0]), observation[..., 1] - 0.5 * observation[..., 2]], axis=-1)


def collect(
    learner: OnPolicyLearner, random: np.random.Generator, steps: int = 16, rows: int = 32, end_probability: float = 0.0
) -> Rollout:
    """Let `learner` act on fresh random observations; each step terminates its row's episode by chance."""
    observation = random.standard_normal((steps + 1, rows, OBSERVATION_SIZE), dtype=np.float32)
    noise = random.standard_normal((steps, rows, ACTION_SIZE), dtype=np.float32)
    decisions = [answer(learner, observation[step], noise[step]) for step in range(steps)]
    action = np.stack([decision.action for decision in decisions])
    reward = -((action - best_action(observation[:-1])) ** 2).sum(axis=-1)
    rollout = closed_rollout(observation, action, reward, [decision.extra for decision in decisions])
    return replace(rollout, terminated=random.random((steps, rows)) < end_probability)


def closed_rollout(
    observation: Floats, action: Floats, reward: Floats, extra: Sequence[Mapping[str, Any]], mask: Masks | None = None
) -> Rollout:
    """Return the rollout of a session of rows that are active in each step until the close; `mask` is (T, R, C)."""
    active = np.ones(reward.shape, np.bool_)
    return Rollout(
        reward=reward,
        active=active,
        terminated=np.zeros_like(active),
        observation=observation,
        action=action,
        action_mask=None if mask is None else np.concatenate([mask, mask[-1:]]),
        extra={name: np.stack([columns[name] for columns in extra]) for name in extra[0]},
    )
