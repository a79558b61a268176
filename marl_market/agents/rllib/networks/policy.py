"""The policy of an actor-critic module: what it does, and that as an agent that learns no more."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.base import ENCODER_OUT

from marl_market.agents.interfaces import Decision
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.policies.mlp import MultilayerPerceptron, NotCompiledError
from marl_market.agents.rllib.batches.recurrent import flatten_state, unflatten_state
from marl_market.agents.rllib.learners.learner import extract_layers
from marl_market.agents.rllib.networks.action_distribution import Component, num_outputs, sample
from marl_market.agents.rollout import Floats, Masks
from marl_market.env.interface.spaces import ActionSpace, num_choices_of
from marl_market.env.population.group import External


@dataclass(frozen=True, eq=False)
class PolicyNetwork:
    """Act by two networks.

    Attributes:
        encoder: from observations, and what is remembered, to what the head takes.
        head: from there to what actions are drawn from.
        mixture: what an action consists of.
        memory_size: how many numbers a row remembers.
        tanh_squashed: whether continuous actions go through tanh.
    """

    encoder: Any
    head: Any
    components: Sequence[Component]
    state_size: int = 0
    tanh_squashed: bool = False

    def batch(self, observation: Floats, state: Floats) -> dict[str, Any]:
        """Return what the encoder takes, of observations (R, D) and memories (R, M)."""
        seen = torch.from_numpy(observation)
        if not self.state_size:
            return {Columns.OBS: seen}
        return {
            Columns.OBS: seen[:, None],
            Columns.STATE_IN: unflatten_state(torch.from_numpy(state)),
        }  # a sequence of one

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return actions (R, A), what is remembered of them, and the columns of a `Rollout` that go with them.

        Args:
            observation: (R, D).
            memory: (R, M).
            noise: standard normal noise that explores, (R, A); None takes the mean or the most probable choice. The
                same noise explores alike, so paired markets may share it.
            mask: which choices of a discrete action are allowed, (R, C); None: all.
        """
        batch = self.batch(observation, state)
        # Not forward_exploration: it would toggle train and eval mode on each call, and run the critic as well.
        with torch.no_grad():
            encoded = self.encoder(batch)
            inputs = self.head(encoded[ENCODER_OUT]).numpy()
        if self.state_size:
            inputs = inputs[:, 0]
        action, logp, inputs = sample(inputs, noise, mask, self.components)
        if self.tanh_squashed:
            action = np.tanh(action)
        columns = {"action_logp": logp, "action_dist_inputs": inputs}
        if not self.state_size:
            return Decision(action, state, columns)
        return Decision(action, flatten_state(encoded[Columns.STATE_OUT]), {**columns, "state": state})


@dataclass(frozen=True, eq=False)
class TorchPolicy(External):
    """Play what has been learned outside the step, where it does not compile.

    Sees: its observation, and what it remembers of earlier ones.
    Does: what its networks say; asked without noise, it does not explore.

    Attributes:
        actor: the networks, its own.
    """

    actor: PolicyNetwork

    @property
    def state_size(self) -> int:
        """Return how many numbers a row remembers."""
        return self.actor.state_size

    @property
    def weights(self) -> Floats:
        """Return all parameters of its networks, flat."""
        networks = torch.nn.ModuleList([self.actor.encoder, self.actor.head])
        return np.concatenate([part.detach().numpy().ravel() for part in networks.parameters()])

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return what each row does, see `PolicyNetwork.act`."""
        return self.actor.act(observation, state, noise, mask)


def to_mlp(
    encoder: Any, head: Any, space: ActionSpace, tanh_squashed: bool = False
) -> tuple[MultilayerPerceptron, Floats]:
    """Return the network from observation to means and scores of choices, and its flat weights.

    What else the head says, such as deviations, comes behind and is left out. Raises NotCompiledError for more than
    compiled minds hold.
    """
    layers, outputs, choices = extract_layers(encoder, head), num_outputs(space), num_choices_of(space)
    weight, bias = layers[-1]
    layers[-1] = (weight[:, :outputs], bias[:outputs])
    sizes = (layers[0][0].shape[0], *(bias.size for _, bias in layers))
    network = MultilayerPerceptron(sizes, () if choices is None else tuple(choices.tolist()), tanh_squashed)
    return network, np.asarray(network.flatten(layers))


def frozen(
    network: Callable[[], tuple[MultilayerPerceptron, Floats]], actor: PolicyNetwork
) -> CompiledPolicy | TorchPolicy:
    """Return what has been learned: `network` and its weights where they compile, else a copy of `actor`."""
    try:
        return CompiledPolicy(*network())
    except NotCompiledError:
        return TorchPolicy(copy.deepcopy(actor))
