"""The networks of policy and critic: RLlib's own, with a head for continuous actions and attention over events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from gymnasium.spaces import Box
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from marl_market.agents.rllib.internals import RevisedCatalog, actor_of
from marl_market.agents.rllib.networks.action_distribution import action_components, num_outputs
from marl_market.agents.rllib.networks.attention import Attention, AttentionConfig
from marl_market.env.interface.spaces import ActionSpace, parts_of


class PolicyHead(torch.nn.Module):
    """Map encodings to the inputs of the distribution of an action with continuous components.

    RLlib's own head with free log standard deviations supports neither sequences nor mixed actions. One linear layer
    gives scores of choices and means, in the order of the action, and the log standard deviations behind them.
    """

    order: torch.Tensor

    def __init__(self, inputs: int, space: ActionSpace, free_log_std: bool, limit: float) -> None:
        """Build the head of an action space.

        Args:
            inputs: width of the encoder.
            space: of actions with a continuous component.
            free_log_std: whether log standard deviations are parameters, alike in all states; else they are outputs.
            limit: largest absolute log standard deviation.
        """
        super().__init__()
        self.limit = limit
        self.outputs = num_outputs(space)
        order: list[int] = []
        output, deviation = 0, self.outputs
        for component in action_components(space):
            width = component.num_outputs
            order += range(output, output + width)
            output += width
            if not component.choices:
                order += range(deviation, deviation + width)
                deviation += width
        self.register_buffer("order", torch.tensor(order), persistent=False)
        self.mixed = order != sorted(order)
        deviations = deviation - self.outputs
        self.net = torch.nn.Linear(inputs, self.outputs if free_log_std else deviation)
        self.log_std = torch.nn.Parameter(torch.zeros(deviations)) if free_log_std else None

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        """Return the inputs of RLlib's distributions, (..., N)."""
        output = self.net(encoded)
        if self.log_std is None:
            output, log_std = output[..., : self.outputs], output[..., self.outputs :]
        else:
            log_std = self.log_std.expand(*output.shape[:-1], -1)
        output = torch.cat([output, log_std.clamp(-self.limit, self.limit)], dim=-1)
        return output[..., self.order] if self.mixed else output

    def set_log_std(self, log_std: float) -> None:
        """Set all log standard deviations, in all states where the layer's weights are zero."""
        with torch.no_grad():
            (self.net.bias[self.outputs :] if self.log_std is None else self.log_std).fill_(log_std)


class MarketCatalog(RevisedCatalog):
    """Build what RLlib builds for PPO and APPO, but for the head of continuous actions and attention over events."""

    @staticmethod
    def revise_encoder(config: Any, observation_space: Any, settings: Mapping[str, Any]) -> Any:
        """Return the config of an encoder with attention in front of its hidden layers, where there is attention."""
        attention, events = settings["attention"], settings["events"]
        if attention is None or settings["use_lstm"]:
            return config
        (size,) = observation_space.shape
        hidden = replace(config, input_dims=(size - len(events) + attention["width"],))
        return AttentionConfig((size,), attention=Attention(**attention), events=events, hidden=hidden)

    def build_pi_head(self, framework: str) -> Any:
        """Return the policy's head."""
        space: Any = self.action_space
        if not any(isinstance(part, Box) for part in parts_of(space)):
            return super().build_pi_head(framework)
        free_log_std, limit = (self.settings[name] for name in ("free_log_std", "log_std_clip_param"))
        return PolicyHead(self.latent_dims[0], space, free_log_std, limit)


def actor_critic_spec(
    module: type,
    hidden: Sequence[int],
    activation: str,
    lstm_size: int | None,
    sequence_length: int,
    attention: Attention | None,
    events: Sequence[int],
    **settings: Any,
) -> RLModuleSpec:
    """Return the spec of policy and critic, two networks of one shape.

    Args:
        module: class of the module.
        hidden: widths of the hidden layers.
        activation: of the hidden layers.
        lstm_size: cells of the LSTM behind the hidden layers; None: there is none.
        sequence_length: entries of a training sequence.
        attention: over the events of an observation, in front of the hidden layers; None: no attention.
        events: indices of the events in an observation, see
            `marl_market.agents.rllib.networks.attention.event_indices`.
        settings: further fields of RLlib's `DefaultModelConfig`.
    """
    network = DefaultModelConfig(
        fcnet_hiddens=list(hidden),
        fcnet_activation=activation,
        vf_share_layers=False,
        use_lstm=lstm_size is not None,
        lstm_cell_size=lstm_size or 0,
        max_seq_len=sequence_length,
        **settings,
    )
    further = {"attention": None if attention is None else asdict(attention), "events": tuple(events)}
    return RLModuleSpec(module_class=module, catalog_class=MarketCatalog, model_config={**asdict(network), **further})


def initialize_policy_head(module: Any, scale: float, log_std: float) -> None:
    """Scale the last policy layer of an untrained module and set its log standard deviations."""
    _, head = actor_of(module)
    last = [layer for layer in head.modules() if isinstance(layer, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(scale)
        last.bias.zero_()
    if isinstance(head, PolicyHead):
        head.set_log_std(log_std)
