"""The networks of policy and critic: those of RLlib, but where they do not do."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium.spaces import Box
from ray.rllib.algorithms.ppo.ppo_catalog import PPOCatalog

from marl_market.env.scheme import ActionSpace


class NormalHead(torch.nn.Module):
    """Turn what an encoder says into means and log standard deviations, for one decision or a sequence of them.

    RLlib's own head with free deviations knows no sequences.
    """

    def __init__(self, inputs: int, numbers: int, free: bool, limit: float) -> None:
        """Build the head of an action of so many `numbers`.

        Args:
            inputs: width of the encoder.
            numbers: of an action.
            free: whether the deviations are parameters, alike in all states; else they are outputs.
            limit: largest absolute log standard deviation.
        """
        super().__init__()
        self.numbers = numbers
        self.limit = limit
        self.net = torch.nn.Linear(inputs, numbers if free else 2 * numbers)
        self.log_std = torch.nn.Parameter(torch.zeros(numbers)) if free else None

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        """Return means and log standard deviations side by side, (..., 2 * numbers)."""
        mean = self.net(encoded)
        if self.log_std is None:
            mean, log_std = mean.split(self.numbers, dim=-1)
        else:
            log_std = self.log_std.expand_as(mean)
        return torch.cat([mean, log_std.clamp(-self.limit, self.limit)], dim=-1)


class MarketCatalog(PPOCatalog):
    """Build what RLlib builds for PPO and APPO, but for the head of continuous actions."""

    def build_pi_head(self, framework: str) -> Any:
        """Return the policy's head."""
        if not isinstance(self.action_space, Box):
            return super().build_pi_head(framework)
        return NormalHead(
            self.latent_dims[0],
            self.action_space.shape[0],
            self._model_config_dict["free_log_std"],
            self._model_config_dict["log_std_clip_param"],
        )


def initialize_policy_head(module: Any, action: ActionSpace, scale: float, log_std: float) -> None:
    """Scale the last policy layer of a newborn module and set the log standard deviation that it explores with."""
    last = [part for part in module.pi.modules() if isinstance(part, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(scale)
        last.bias.zero_()
        if isinstance(action, Box):
            (last.bias[action.shape[0] :] if module.pi.log_std is None else module.pi.log_std).fill_(log_std)
