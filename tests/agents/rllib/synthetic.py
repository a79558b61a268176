"""Rollouts of a task without a market: the best action is a known function of the observation."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from marl_market.agents.rllib.batches.rollout import Floats, Rollout

from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from marl_market.env.interface.spaces import continuous
from tests.agents.answers import answer

OBSERVATION_SIZE, ACTION_SIZE = 5, 2
ACTION = continuous(ACTION_SIZE)


def best_action(observation: Floats) -> Floats:
    return np.stack([np.tanh(observation[..., 0]), observation[..., 1] - 0.5 * observation[..., 2]], axis=-1)


def collect(
    learner: OnPolicyLearner, random: np.random.Generator, steps: int = 16, rows: int = 32, end_probability: float = 0.0
) -> Rollout:
    """Let `learner` act on fresh random observations; each step ends in a truncation or a termination by chance."""
    observation = random.standard_normal((steps + 1, rows, OBSERVATION_SIZE), dtype=np.float32)
    action = np.empty((steps, rows, ACTION_SIZE), np.float32)
    action_logp = np.empty((steps, rows), np.float32)
    action_dist_inputs = np.empty((steps, rows, 2 * ACTION_SIZE), np.float32)
    for step in range(steps):
        noise = random.standard_normal((rows, ACTION_SIZE), dtype=np.float32)
        action[step], _, columns = answer(learner, observation[step], noise)
        action_logp[step] = columns["action_logp"]
        action_dist_inputs[step] = columns["action_dist_inputs"]
    truncated = random.random((steps, rows)) < end_probability
    terminated = random.random((steps, rows)) < end_probability
    final_step, final_row = np.nonzero(truncated & ~terminated)
    return Rollout(
        observation=observation,
        action=action,
        action_logp=action_logp,
        action_dist_inputs=action_dist_inputs,
        reward=-((action - best_action(observation[:-1])) ** 2).sum(axis=-1),
        decided=np.ones((steps, rows), np.bool_),
        terminated=terminated,
        truncated=truncated,
        final_observation=random.standard_normal((len(final_step), OBSERVATION_SIZE), dtype=np.float32),
        final_step=final_step,
        final_row=final_row,
    )


def closed_rollout(observation: Floats, action: Floats, reward: Floats, columns: list[Mapping[str, Any]]) -> Rollout:
    """Return the rollout of a session in which everybody decides in each step and which its last step terminates."""
    ended = np.zeros(action.shape[:2], np.bool_)
    ended[-1] = True
    return Rollout(
        observation=observation,
        action=action,
        reward=reward,
        decided=np.ones_like(ended),
        terminated=ended,
        truncated=np.zeros_like(ended),
        final_observation=np.zeros((0, observation.shape[2]), np.float32),
        final_step=np.zeros(0, np.int64),
        final_row=np.zeros(0, np.int64),
        **{key: np.stack([extra[key] for extra in columns]) for key in columns[0]},
    )
