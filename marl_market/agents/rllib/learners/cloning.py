"""How RLlib's modules imitate: which of their networks is fitted to a teacher's sessions, and by what loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from ray.rllib.algorithms.dqn.dqn_learner import QF_PREDS
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.base import ENCODER_OUT

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.imitation.fitting import dataset_of, explained_variance, fit, fit_policy, masked
from marl_market.agents.rllib.batches.advantages import generalized_advantages
from marl_market.agents.rollout import Rollout

MARGIN = 0.05
"""By how much the value of a teacher's choice should exceed those of all others: some steps' reward."""


def clone_actor_critic(
    module: Any, choices: Sequence[int], discount: float, rollouts: Sequence[Rollout], config: BCConfig, seed: int
) -> dict[str, float]:
    """Fit a policy to what was done, and its critic to what it brought: the discounted rewards up to the close.

    Without the critic the first advantages would say nothing of the clone, and undo it.
    """

    def forward(observation: torch.Tensor) -> torch.Tensor:
        encoded = module.encoder.actor_encoder({Columns.OBS: observation})
        inputs = module.pi(encoded[ENCODER_OUT])
        return inputs if choices else inputs[:, : module.action_space.shape[0]]

    def value_error(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        value = module.compute_values({Columns.OBS: batch["observation"]})
        return ((value - batch["returned"]) ** 2).mean()

    policy = [*module.encoder.actor_encoder.parameters(), *module.pi.parameters()]
    metrics = fit_policy(forward, policy, choices, rollouts, config, seed)
    dataset, held_out = (
        {**dataset_of(part, choices), "returned": _returned(part, discount)} for part in (rollouts[:-1], rollouts[-1:])
    )
    critic = [*module.encoder.critic_encoder.parameters(), *module.vf.parameters()]
    fit(value_error, critic, dataset, config, seed)
    with torch.no_grad():
        value = module.compute_values({Columns.OBS: held_out["observation"]})
    return {**metrics, "clone_value_explained_variance": explained_variance(value, held_out["returned"])}


def clone_values(module: Any, rollouts: Sequence[Rollout], config: BCConfig, seed: int) -> dict[str, float]:
    """Fit values of choices so that the teacher's exceeds all others by `MARGIN`, the large-margin loss of DQfD.

    max_a (Q(s, a) + margin where a is not the teacher's) - Q(s, the teacher's) (Hester et al. 2018, arXiv:1704.03732,
    equation 2). How much states are worth is left to be learned from rewards.
    """

    def forward(observation: torch.Tensor) -> torch.Tensor:
        return module.compute_q_values({Columns.OBS: observation})[QF_PREDS]

    def shortfall(values: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        done = batch["action"].long()
        demanded = masked(values + MARGIN, batch).scatter(1, done, values.gather(1, done))
        missing = demanded.max(dim=1).values - values.gather(1, done)[:, 0]
        matters = batch["loss_mask"][:, 0]
        return missing[matters].sum() / matters.sum().clamp(min=1)

    parameters = [*module.encoder.parameters(), *module.af.parameters()]
    metrics = fit_policy(forward, parameters, (int(module.action_space.n),), rollouts, config, seed, shortfall)
    module.make_target_networks()
    return metrics


def clone_squashed(module: Any, rollouts: Sequence[Rollout], config: BCConfig, seed: int) -> dict[str, float]:
    """Fit the squashed mean of SAC's policy to what was done; the values of actions are left to be learned."""

    def forward(observation: torch.Tensor) -> torch.Tensor:
        inputs = module.pi(module.pi_encoder({Columns.OBS: observation})[ENCODER_OUT])
        return torch.tanh(inputs[:, : module.action_space.shape[0]])

    parameters = [*module.pi_encoder.parameters(), *module.pi.parameters()]
    return fit_policy(forward, parameters, (), rollouts, config, seed)


def _returned(rollouts: Sequence[Rollout], discount: float) -> torch.Tensor:
    """Return the discounted sum of rewards from each decision of `dataset_of` on."""
    parts = []
    for rollout in rollouts:
        zeros = np.zeros_like(rollout.reward)
        # With values of zero, an advantage that trusts the rewards alone is the return.
        returned = generalized_advantages(
            value=zeros,
            next_value=zeros,
            reward=rollout.reward,
            active=rollout.active,
            terminated=rollout.done,
            truncated=np.zeros_like(rollout.done),
            discount=discount,
            gae_lambda=1.0,
        )
        parts.append(returned[rollout.active])
    return torch.from_numpy(np.concatenate(parts))
