"""Behavior cloning of RLlib's modules: the networks that are fitted to an expert's rollouts, and the losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from ray.rllib.algorithms.dqn.dqn_learner import QF_PREDS
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.base import ENCODER_OUT

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.imitation.fitting import dataset_of, explained_variance, fit, fit_policy, masked
from marl_market.agents.rllib.batches.advantages import discounted_returns, values_of
from marl_market.agents.rllib.internals import actor_of, advantage_network_of, critic_of, soft_actor_of
from marl_market.agents.rollout import Floats, Rollout

MARGIN = 0.05
"""Margin by which the value of the expert's choice should exceed those of all others: some steps' reward."""


def clone_actor_critic(
    module: Any, choices: Sequence[int], discount: float, rollouts: Sequence[Rollout], config: BCConfig, seed: int
) -> dict[str, float]:
    """Fit a policy to the expert's actions, and its critic to their returns: the discounted rewards up to the close.

    Without the critic the first advantages would be noise, and undo the clone. Where the close truncates, the critic is
    fitted twice, the second time with its own values of the observations at the close. It stays as it is where the
    demonstrations have no rewards, as those of a recorded market.
    """
    encoder, head = actor_of(module)

    def forward(observation: torch.Tensor) -> torch.Tensor:
        inputs = head(encoder({Columns.OBS: observation})[ENCODER_OUT])
        return inputs if choices else inputs[:, : module.action_space.shape[0]]

    def value_error(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        value = module.compute_values({Columns.OBS: batch["observation"]})
        return ((value - batch["returns"]) ** 2).mean()

    metrics = fit_policy(forward, [*encoder.parameters(), *head.parameters()], choices, rollouts, config, seed)
    if not any(rollout.reward.any() for rollout in rollouts):
        return metrics
    critic = [parameter for network in critic_of(module) for parameter in network.parameters()]
    for closing_value in (_no_value, values_of)[: 1 if rollouts[0].close_terminates else 2]:
        dataset, held_out = (
            {**dataset_of(part, choices), "returns": _returns(module, part, discount, closing_value)}
            for part in (rollouts[:-1], rollouts[-1:])
        )
        fit(value_error, critic, dataset, held_out, config, seed)
    with torch.no_grad():
        value = module.compute_values({Columns.OBS: held_out["observation"]})
    return {**metrics, "clone_value_explained_variance": explained_variance(value, held_out["returns"])}


def _no_value(module: Any, observation: Floats) -> None:
    """Return no value of what follows the close."""


def _returns(
    module: Any, rollouts: Sequence[Rollout], discount: float, closing_value: Callable[[Any, Floats], Floats | None]
) -> torch.Tensor:
    """Return the discounted sum of rewards from each decision of `dataset_of` on, and the value at the close."""
    parts = []
    for rollout in rollouts:
        returns = discounted_returns(rollout, discount, closing_value(module, rollout.observation[-1]))
        parts.append(returns[rollout.active])
    return torch.from_numpy(np.concatenate(parts))


def clone_values(module: Any, rollouts: Sequence[Rollout], config: BCConfig, seed: int) -> dict[str, float]:
    """Fit values of choices so that the expert's exceeds all others by `MARGIN`, the large-margin loss of DQfD.

    max_a (Q(s, a) + margin where a is not the expert's) - Q(s, the expert's) (Hester et al. 2018, arXiv:1704.03732,
    equation 2). The level of the values is left to be learned from rewards.
    """

    def forward(observation: torch.Tensor) -> torch.Tensor:
        return module.compute_q_values({Columns.OBS: observation})[QF_PREDS]

    def margin_loss(values: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        chosen = batch["action"].long()
        demanded = masked(values + MARGIN, batch).scatter(1, chosen, values.gather(1, chosen))
        missing = demanded.max(dim=1).values - values.gather(1, chosen)[:, 0]
        mask = batch["loss_mask"][:, 0]
        return missing[mask].sum() / mask.sum().clamp(min=1)

    parameters = [parameter for network in advantage_network_of(module) for parameter in network.parameters()]
    metrics = fit_policy(forward, parameters, (int(module.action_space.n),), rollouts, config, seed, margin_loss)
    module.make_target_networks()
    return metrics


def clone_squashed(module: Any, rollouts: Sequence[Rollout], config: BCConfig, seed: int) -> dict[str, float]:
    """Fit the squashed mean of SAC's policy to the expert's actions; their values are left to be learned."""
    encoder, head = soft_actor_of(module)

    def forward(observation: torch.Tensor) -> torch.Tensor:
        inputs = head(encoder({Columns.OBS: observation})[ENCODER_OUT])
        return torch.tanh(inputs[:, : module.action_space.shape[0]])

    return fit_policy(forward, [*encoder.parameters(), *head.parameters()], (), rollouts, config, seed)
