"""Generalized advantages of whole rollouts: the learner pipeline of RLlib's PPO, without a Python call per episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ray.rllib.connectors.connector_v2 import ConnectorV2
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModule
from ray.rllib.evaluation.postprocessing import Postprocessing

from marl_market.agents.rllib.networks.action_distribution import as_tensors
from marl_market.agents.rllib.networks.device import to_device_of
from marl_market.agents.rllib.networks.masked_module import ACTION_MASK
from marl_market.agents.rollout import Floats, Rollout


def generalized_advantages(
    value: Floats,
    next_value: Floats,
    reward: Floats,
    active: NDArray[np.bool_],
    terminated: NDArray[np.bool_],
    truncated: NDArray[np.bool_],
    discount: float,
    gae_lambda: float,
) -> Floats:
    """Return the advantage of each decision, (T, R); the entries between decisions mean nothing.

    advantage_t = sum_l (discount * gae_lambda)^l * delta_(t+l), summed to the end of the row's episode, where
    delta_t = reward_t + discount * next_value_t - value_t (Schulman et al. 2016, arXiv:1506.02438, equation 16).

    Where a row decides again only after k steps, all k rewards belong to the decision, each discounted by its
    distance, and the next value is discounted by discount^k: the action is an option in the sense of Sutton, Precup
    and Singh 1999 ("Between MDPs and semi-MDPs"). The lambda counts decisions, since it weighs values against rewards.

    Args:
        value: of the observation before each decision, (T, R).
        next_value: of the observation after it; of the final one where the row was truncated, (T, R).
        reward: (T, R).
        active: steps with a decision, (T, R).
        terminated: steps after which the value is zero, (T, R).
        truncated: last steps of episodes whose next value counts, (T, R).
        discount: of a step.
        gae_lambda: the lambda of the paper: 0 trusts `value` (bias), 1 trusts the rewards (variance).
    """
    factor, continues = np.float32(discount), ~(terminated | truncated)
    advantage = np.empty_like(reward)
    following, inactive = np.zeros_like(reward[0]), np.zeros_like(active[0])
    target = following
    for step in reversed(range(len(reward))):
        # After the step comes the next value or, where the row is inactive then, the target from there on.
        after = np.where(inactive & continues[step], target, next_value[step])
        target = reward[step] + factor * after * ~terminated[step]
        decay = np.where(active[step], np.float32(discount * gae_lambda), factor) * continues[step]
        following = np.where(active[step], target - value[step], np.float32(0)) + decay * following
        advantage[step] = following
        inactive = ~active[step]
    return advantage


def discounted_returns(rollout: Rollout, discount: float, closing_value: Floats | None = None) -> Floats:
    """Return the discounted sum of rewards from each decision on, (T, R).

    Where the close truncates, `closing_value` (R,) is the value of each row's observation at the close; None: zero.
    """
    value = np.zeros((len(rollout.reward) + 1, rollout.reward.shape[1]), np.float32)
    if closing_value is not None:
        value[-1] = closing_value
    zeros = np.zeros_like(rollout.reward)
    # With values of zero, an advantage of lambda 1 is the return.
    truncated = rollout.done & ~rollout.terminal
    return generalized_advantages(
        zeros, value[1:], rollout.reward, rollout.active, rollout.terminal, truncated, discount, gae_lambda=1.0
    )


class GAEConnector(ConnectorV2):
    """Turn rollouts into the train batch of the learner's one module: {module: {column: tensor (decisions, ...)}}.

    Advantages are standardized over the batch, as in RLlib's own pipeline. Decisions are shuffled: RLlib goes through
    a batch in its given order once before it shuffles for the first time, and in time order neighbors are alike. Like
    RLlib's, the shuffle draws from NumPy's global stream, which `RLlibLearner.update` pins.
    """

    def __init__(self, discount: float, gae_lambda: float) -> None:
        super().__init__()
        self.discount = discount
        self.gae_lambda = gae_lambda

    # RLlib passes the argument `episodes` of `Learner.update` on as it is.
    def __call__(  # type: ignore[override]
        self, *, rl_module: MultiRLModule, episodes: Sequence[Rollout], **_: Any
    ) -> dict[str, dict[str, torch.Tensor]]:
        """Return the train batch of `episodes`; raises ValueError for a learner of several modules."""
        names = list(rl_module.keys())
        if len(names) != 1:
            raise ValueError(f"the learner has modules {names}; a group learns with exactly one")
        module = rl_module[names[0]]
        parts = [self._entries(module, rollout) for rollout in episodes]
        count = sum(len(part[Postprocessing.ADVANTAGES]) for part in parts)
        order = np.random.permutation(count)  # noqa: NPY002 - see the class
        batch = {column: np.concatenate([part[column] for part in parts])[order] for column in parts[0]}
        advantage = batch[Postprocessing.ADVANTAGES]
        learned = advantage[batch.get(Columns.LOSS_MASK, ...)]
        batch[Postprocessing.ADVANTAGES] = (advantage - learned.mean()) / max(1e-4, learned.std())
        action = as_tensors(batch.pop(Columns.ACTIONS), module.action_space)
        given = {Columns.ACTIONS: action, **{key: torch.from_numpy(each) for key, each in batch.items()}}
        return {names[0]: to_device_of(module, given)}

    def _entries(self, module: Any, rollout: Rollout) -> dict[str, NDArray[Any]]:
        """Return the columns of the decisions of a rollout, (decisions, ...) each."""
        columns = self._columns(module, rollout, values_of(module, rollout.observation))
        return {column: values[rollout.active] for column, values in columns.items()}

    def _columns(self, module: Any, rollout: Rollout, value: Floats) -> dict[str, NDArray[Any]]:
        """Return the columns of all steps, (T, R, ...) each, with the critic's value (T + 1, R) of each observation."""
        advantage = generalized_advantages(
            value[:-1],
            value[1:],
            rollout.reward,
            rollout.active,
            rollout.terminal,
            rollout.done & ~rollout.terminal,
            self.discount,
            self.gae_lambda,
        )
        columns: dict[str, NDArray[Any]] = {
            Columns.OBS: rollout.observation[:-1],
            Columns.ACTIONS: rollout.action,
            Postprocessing.ADVANTAGES: advantage,
            Postprocessing.VALUE_TARGETS: advantage + value[:-1],
        }
        if rollout.action_mask is not None:
            columns[ACTION_MASK] = rollout.action_mask[:-1]
        # Log probabilities, distribution inputs and the targets of auxiliary tasks, by their names in a batch.
        columns.update({name: values for name, values in rollout.extra.items() if name != "state"})
        return columns


def values_of(module: Any, observation: Floats) -> Floats:
    """Return the critic's value of each observation (..., D), shape (...)."""
    flat = to_device_of(module, torch.from_numpy(observation.reshape(-1, observation.shape[-1])))
    with torch.no_grad():
        return module.compute_values({Columns.OBS: flat}).cpu().numpy().reshape(observation.shape[:-1])
