"""Behavior cloning of a compiled network: its weights are fitted by gradients before they are evolved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.imitation.fitting import fit_policy
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.rollout import Rollout


def clone_network(
    network: MultilayerPerceptron,
    weights: NDArray[np.float64],
    rollouts: Sequence[Rollout],
    config: BCConfig,
    seed: int,
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Return flat weights (parameters,) fitted to demonstrations, starting from `weights`, and the fit's metrics."""
    layers = [
        (torch.nn.Parameter(torch.from_numpy(weight.copy())), torch.nn.Parameter(torch.from_numpy(bias.copy())))
        for weight, bias in network.layers(weights.astype(np.float32))
    ]

    def forward(observation: torch.Tensor) -> torch.Tensor:
        units = observation
        for index, (weight, bias) in enumerate(layers):
            units = units @ weight + bias
            if index + 1 < len(layers) or network.tanh_squashed:
                units = torch.tanh(units)
        return units

    parameters = [parameter for layer in layers for parameter in layer]
    metrics = fit_policy(forward, parameters, tuple(network.choices), rollouts, config, seed)
    fitted = network.flatten([(weight.detach().numpy(), bias.detach().numpy()) for weight, bias in layers])
    return fitted.astype(np.float64), metrics
