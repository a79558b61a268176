"""A policy that takes the same action whatever it observes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.spaces import num_choices_of
from marl_market.market.validation import require


def constant_policy(environment: EnvironmentSpec, group: str, action: Sequence[float]) -> CompiledPolicy:
    """Return the policy that takes `action`, a number for each of the group's action scheme, in every step.

    Raises ConfigError for another number of numbers, and KeyError for an unknown group.
    """
    scheme = environment.action_of(group)
    require(len(action) == scheme.size, "action", tuple(action), f"{scheme.size} numbers")
    choices = num_choices_of(scheme.space)
    counts = [0] * scheme.size if choices is None else choices.tolist()
    outputs = np.concatenate([_outputs(count, number) for count, number in zip(counts, action, strict=True)])
    network = MultilayerPerceptron((environment.observation_size, outputs.size), () if choices is None else counts)
    weights = np.zeros((environment.observation_size, outputs.size), np.float32)
    return CompiledPolicy(network, network.flatten([(weights, outputs)]))


def _outputs(choices: int, number: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Return the network's outputs of one number: itself, or where it has choices a score of 1 for that one."""
    if choices == 0:
        return np.array([number], np.float32)
    return (np.arange(choices) == number).astype(np.float32)
