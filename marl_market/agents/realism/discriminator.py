"""A classifier of windows, real or simulated, and the reward that follows from it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from marl_market.agents.realism.adversarial_reward import AdversarialReward
from marl_market.agents.realism.window_statistics import Reference, Windows
from marl_market.market.seeding import Stream, generator

LOWEST = -10.0
"""Least log-probability, so that one window that is certainly not real does not outweigh all others."""


class Discriminator:
    """D(window) = P(real), a multilayer perceptron over standardized statistics."""

    def __init__(self, config: AdversarialReward, real: Windows, seed: int) -> None:
        """Begin untrained, with weights of `seed`."""
        self._config = config
        self._reference = Reference.of(real)
        features = self._reference.features(real)
        self._mean = features.mean(axis=0)
        self._deviation = features.std(axis=0) + 1e-2  # a bin that is always alike must not outweigh all others
        self._real = self._inputs(features)
        self._network = _network([features.shape[1], *config.hidden, 1], seed)
        self._optimizer = torch.optim.AdamW(
            self._network.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )

    def term(self, tape: NDArray[np.void], reward: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return log D divided by the number of windows, (windows, markets, seats)."""
        count = self._config.windows
        with torch.no_grad():
            logit = self._network(self._simulated(tape)).squeeze(1)
            log_probability = functional.logsigmoid(logit).clamp(min=LOWEST).numpy().astype(np.float64)
        return np.repeat(log_probability.reshape(count, -1, 1) / count, reward.shape[2], axis=2)

    def learn(self, tape: NDArray[np.void]) -> dict[str, float]:
        """Update to separate real windows from those of a tape, each kind with half of the weight.

        Metrics are the loss, log 2 where it cannot separate them, and the shares of windows of either kind that it
        recognizes.
        """
        simulated = self._simulated(tape)
        for _ in range(self._config.gradient_steps):
            self._optimizer.zero_grad()
            self._loss(simulated).backward()
            self._optimizer.step()
        with torch.no_grad():
            return {
                "discriminator_loss": float(self._loss(simulated)),
                "discriminator_real": float((self._network(self._real) > 0).float().mean()),
                "discriminator_simulated": float((self._network(simulated) < 0).float().mean()),
            }

    def get_state(self) -> dict[str, Any]:
        """Return weights and optimizer as arrays and plain values."""
        return {
            "network": {name: values.numpy().copy() for name, values in self._network.state_dict().items()},
            "moments": {
                str(number): {name: values.numpy().copy() for name, values in moments.items()}
                for number, moments in self._optimizer.state_dict()["state"].items()
            },
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        self._network.load_state_dict({name: torch.tensor(values) for name, values in state["network"].items()})
        moments = {
            int(number): {name: torch.tensor(values) for name, values in values_by_name.items()}
            for number, values_by_name in state["moments"].items()
        }
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})

    def _loss(self, simulated: torch.Tensor) -> torch.Tensor:
        """Return the mean cross entropy of both kinds."""
        real_loss = functional.softplus(-self._network(self._real)).mean()
        return 0.5 * (real_loss + functional.softplus(self._network(simulated)).mean())

    def _simulated(self, tape: NDArray[np.void]) -> torch.Tensor:
        return self._inputs(self._reference.features(Windows.of(tape, self._config.windows)))

    def _inputs(self, features: NDArray[np.float64]) -> torch.Tensor:
        return torch.from_numpy(((features - self._mean) / self._deviation).astype(np.float32))


def _network(widths: list[int], seed: int) -> nn.Sequential:
    """Return a perceptron with tanh units, its weights normal with variance 1 / inputs and its biases zero."""
    random, layers = generator(seed, Stream.WEIGHTS), []
    for inputs, outputs in pairwise(widths):
        layer = nn.Linear(inputs, outputs)
        weights = random.standard_normal((outputs, inputs)) / np.sqrt(inputs)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weights))
            layer.bias.zero_()
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1])
