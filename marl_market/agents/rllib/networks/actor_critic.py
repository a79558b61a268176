"""The networks of policy and critic: those of RLlib, but where they do not do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from gymnasium.spaces import Box
from ray.rllib.algorithms.ppo.ppo_catalog import PPOCatalog
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from marl_market.agents.rllib.networks.action_distribution import action_components, num_outputs
from marl_market.agents.rllib.networks.attention import Attention, AttentionConfig
from marl_market.env.interface.spaces import ActionSpace, parts_of


class PolicyHead(torch.nn.Module):
    """Turn what an encoder says into what actions with continuous numbers are drawn from.

    RLlib's own head with free deviations knows neither sequences nor mixed actions. One linear layer says the scores of
    choices and the means of numbers, in the order of the action, and the log standard deviations behind them.
    """

    order: torch.Tensor

    def __init__(self, inputs: int, space: ActionSpace, free: bool, limit: float) -> None:
        """Build the head of an action space.

        Args:
            inputs: width of the encoder.
            space: of actions, some of which are continuous.
            free: whether the deviations are parameters, alike in all states; else they are outputs.
            limit: largest absolute log standard deviation.
        """
        super().__init__()
        self.limit = limit
        self.outputs = num_outputs(space)
        order: list[int] = []
        output, deviation = 0, self.outputs
        for part in action_components(space):
            width = sum(part.choices) or part.numbers.stop - part.numbers.start
            order += range(output, output + width)
            output += width
            if not part.choices:
                order += range(deviation, deviation + width)
                deviation += width
        self.register_buffer("order", torch.tensor(order), persistent=False)
        self.mixed = order != sorted(order)
        numbers = deviation - self.outputs
        self.net = torch.nn.Linear(inputs, self.outputs if free else deviation)
        self.log_std = torch.nn.Parameter(torch.zeros(numbers)) if free else None

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        """Return what RLlib's distributions take, (..., N)."""
        said = self.net(encoded)
        if self.log_std is None:
            said, log_std = said[..., : self.outputs], said[..., self.outputs :]
        else:
            log_std = self.log_std.expand(*said.shape[:-1], -1)
        said = torch.cat([said, log_std.clamp(-self.limit, self.limit)], dim=-1)
        return said[..., self.order] if self.mixed else said

    def explore(self, log_std: float) -> None:
        """Set the log standard deviation of all numbers, in all states where the layer's weights are zero."""
        with torch.no_grad():
            (self.net.bias[self.outputs :] if self.log_std is None else self.log_std).fill_(log_std)


class MarketCatalog(PPOCatalog):
    """Build what RLlib builds for PPO and APPO, but for the head of continuous actions and attention over events."""

    @classmethod
    def _get_encoder_config(cls, observation_space: Any, model_config_dict: Any, action_space: Any = None) -> Any:
        """Return what describes the encoder; that in front of a recurrent layer is asked for here as well."""
        config: Any = super()._get_encoder_config(observation_space, model_config_dict, action_space)
        attention, places = model_config_dict["attention"], model_config_dict["events"]
        if attention is None or model_config_dict["use_lstm"]:
            return config
        (size,) = observation_space.shape
        behind = replace(config, input_dims=(size - len(places) + attention["width"],))
        return AttentionConfig((size,), attention=Attention(**attention), places=places, hidden=behind)

    def build_pi_head(self, framework: str) -> Any:
        """Return the policy's head."""
        space: Any = self.action_space
        if not any(isinstance(part, Box) for part in parts_of(space)):
            return super().build_pi_head(framework)
        free, limit = (self._model_config_dict[name] for name in ("free_log_std", "log_std_clip_param"))
        return PolicyHead(self.latent_dims[0], space, free, limit)


def network_of(
    module: type,
    hidden: Sequence[int],
    activation: str,
    lstm_size: int | None,
    sequence_length: int,
    attention: Attention | None,
    events: Sequence[int],
    **settings: Any,
) -> RLModuleSpec:
    """Return what RLlib builds policy and critic from, two networks of one shape.

    Args:
        module: class of the module.
        hidden: widths of the hidden layers.
        activation: of their units.
        memory: cells of the LSTM behind them; None: there is none.
        sequence: entries of a sequence that it learns from.
        attention: over the events of an observation, in front of the hidden layers; None: they are like other numbers.
        events: where those are in an observation, see `marl_market.agents.rllib.networks.attention.places_of_events`.
        settings: further ones of RLlib's `DefaultModelConfig`.
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
    more = {"attention": None if attention is None else asdict(attention), "events": tuple(events)}
    return RLModuleSpec(module_class=module, catalog_class=MarketCatalog, model_config={**asdict(network), **more})


def initialize_policy_head(module: Any, scale: float, log_std: float) -> None:
    """Scale the last policy layer of a newborn module and set the log standard deviation that it explores with."""
    last = [part for part in module.pi.modules() if isinstance(part, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(scale)
        last.bias.zero_()
    if isinstance(module.pi, PolicyHead):
        module.pi.explore(log_std)
