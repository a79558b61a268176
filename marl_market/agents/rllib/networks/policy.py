"""The policy of an RLlib module as a function of observations, and as an agent of fixed weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.base import ENCODER_OUT

from marl_market.agents.interfaces import Decision
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.rllib.networks.action_distribution import Component, num_outputs, sample
from marl_market.agents.rllib.networks.observation_scale import ObservationScale
from marl_market.agents.rllib.networks.recurrent_state import flatten_state, unflatten_state
from marl_market.agents.rollout import Floats, Masks
from marl_market.env.interface.spaces import ActionSpace, num_choices_of
from marl_market.env.population.group import External


@dataclass(frozen=True, eq=False)
class PolicyNetwork:
    """Act by an encoder and a head.

    Attributes:
        encoder: from observations and hidden states to encodings.
        head: from encodings to the inputs of the distribution of actions.
        components: of the action space.
        state_size: size of the hidden state, S.
        tanh_squashed: whether continuous actions go through tanh.
        scale: of observations, which the encoder gets shifted and scaled; None: as they are.
    """

    encoder: Any
    head: Any
    components: Sequence[Component]
    state_size: int = 0
    tanh_squashed: bool = False
    scale: ObservationScale | None = None

    def batch(self, observation: Floats, state: Floats) -> dict[str, Any]:
        """Return the encoder's batch of observations (R, D) and hidden states (R, S)."""
        observed = torch.from_numpy(observation if self.scale is None else self.scale.apply(observation))
        if not self.state_size:
            return {Columns.OBS: observed}
        # Sequences of one.
        return {Columns.OBS: observed[:, None], Columns.STATE_IN: unflatten_state(torch.from_numpy(state))}

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return actions (R, A), the next hidden states, and their further columns of a `Rollout`.

        Args:
            observation: (R, D).
            state: (R, S).
            noise: standard normal noise that explores, (R, A); None takes the mean or the most probable choice. Equal
                noise explores alike, so that paired markets may share it.
            mask: 1 for each legal choice, (R, C); None: all are legal.
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
        extra = {"action_logp": logp, "action_dist_inputs": inputs}
        if not self.state_size:
            return Decision(action, state, extra)
        return Decision(action, flatten_state(encoded[Columns.STATE_OUT]), {**extra, "state": state})


@dataclass(frozen=True, eq=False)
class TorchPolicy(External):
    """A policy of fixed weights that plays outside the compiled step, where it does not compile.

    Sees: its observation and its hidden state.
    Does: the action of its networks; greedy where it is given no noise.

    Attributes:
        actor: the networks, owned by the policy.
    """

    actor: PolicyNetwork

    @classmethod
    def copy_of(cls, actor: PolicyNetwork) -> TorchPolicy:
        """Return a policy of the current weights of `actor`."""
        return cls(copy.deepcopy(actor))

    @property
    def state_size(self) -> int:
        """Return the size of the hidden state."""
        return self.actor.state_size

    @property
    def weights(self) -> Floats:
        """Return all parameters of its networks, flat."""
        return np.concatenate([parameter.detach().numpy().ravel() for parameter in self.networks.parameters()])

    @property
    def networks(self) -> torch.nn.Module:
        """Return its networks as one module."""
        return torch.nn.ModuleList([self.actor.encoder, self.actor.head])

    def get_state(self) -> dict[str, Any]:
        """Return the weights of its networks by name, and its scale of observations."""
        scale = {} if self.actor.scale is None else {"scale": self.actor.scale.get_state()}
        return {
            "networks": {name: value.numpy().copy() for name, value in self.networks.state_dict().items()},
            **scale,
        }

    def with_state(self, state: Mapping[str, Any]) -> TorchPolicy:
        """Return a policy of these networks with the weights of a `get_state`; raises ValueError for other shapes."""
        policy = TorchPolicy.copy_of(self.actor)
        weights = {name: torch.tensor(value) for name, value in state["networks"].items()}
        try:
            policy.networks.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(" ".join(str(error).split())) from error
        if policy.actor.scale is not None:
            policy.actor.scale.set_state(state["scale"])
        return policy

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return the actions of observations and hidden states, see `PolicyNetwork.act`."""
        return self.actor.act(observation, state, noise, mask)


def to_mlp(actor: PolicyNetwork, space: ActionSpace) -> tuple[MultilayerPerceptron, Floats]:
    """Return the network from observation to means and scores of choices, and its flat weights.

    Other outputs of the head, such as log standard deviations, stand behind those and are left out. The first layer
    takes in the scale of observations. Raises NotCompiledError for more layers or units than a compiled policy has.
    """
    layers, outputs, choices = extract_layers(actor.encoder, actor.head), num_outputs(space), num_choices_of(space)
    weight, bias = layers[-1]
    layers[-1] = (weight[:, :outputs], bias[:outputs])
    if actor.scale is not None:
        layers[0] = actor.scale.fold(*layers[0])
    sizes = (layers[0][0].shape[0], *(bias.size for _, bias in layers))
    network = MultilayerPerceptron(sizes, () if choices is None else tuple(choices.tolist()), actor.tanh_squashed)
    return network, np.asarray(network.flatten(layers))


def extract_layers(*networks: Any) -> list[tuple[Floats, Floats]]:
    """Return weight (inputs, outputs) and bias (outputs,) of each linear layer of torch networks in line."""
    return [
        (module.weight.detach().numpy().T.copy(), module.bias.detach().numpy().copy())
        for network in networks
        for module in network.modules()
        if isinstance(module, torch.nn.Linear)
    ]
