"""A policy that observes nothing: zeros in the place of its observation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from marl_market.agents.interfaces import Decision, ExternalPolicy, Policy
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.rollout import Floats, Masks
from marl_market.env.population.group import External


@dataclass(frozen=True)
class BlindPolicy(External):
    """Play a policy outside the compiled step on an observation of zeros.

    Attributes:
        policy: the policy; a hidden state is its own.
    """

    policy: ExternalPolicy

    @property
    def state_size(self) -> int:
        """Return the size of the policy's hidden state."""
        return self.policy.state_size

    @property
    def weights(self) -> Floats:
        """Return the policy's weights."""
        return self.policy.weights

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return the policy's decision for zeros."""
        return self.policy.act(np.zeros_like(observation), state, noise, mask)


def blind(policy: Policy) -> Policy:
    """Return the policy with its observation set to zero; raises TypeError for one that is not a network's."""
    if isinstance(policy, CompiledPolicy):  # without the weights of its inputs
        layers = policy.network.layers(policy.weights)
        first, bias = layers[0]
        return replace(policy, weights=policy.network.flatten([(np.zeros_like(first), bias), *layers[1:]]))
    if isinstance(policy, ExternalPolicy):
        return BlindPolicy(policy)
    raise TypeError(f"policy is {policy!r}; it must be a compiled network or an external policy")
