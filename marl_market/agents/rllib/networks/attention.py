"""An encoder with attention over the event history in an observation; the other numbers of it are the query."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.configs import MLPEncoderConfig, ModelConfig

from marl_market.agents.rllib.internals import ObservationEncoder
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.events import NUMBERS, Events


@dataclass(frozen=True)
class Attention:
    """Multi-head attention over the events of an observation (Vaswani et al. 2017, arXiv:1706.03762, section 3.2).

    Raises ValueError, naming the field, for a value that makes no network.

    Attributes:
        heads: number of attention heads.
        width: of the answers of all heads together.
    """

    heads: int = 2
    width: int = 32

    def __post_init__(self) -> None:
        if self.heads < 1:
            raise ValueError(f"attention.heads is {self.heads}; it must be 1 or more")
        if self.width < self.heads or self.width % self.heads:
            raise ValueError(f"attention.width is {self.width}; it must be a multiple of the {self.heads} heads")


def event_indices(environment: EnvironmentSpec, group: str) -> tuple[int, ...]:
    """Return the indices of the event history in an observation, instrument by instrument, newest event first.

    Raises ValueError, naming the group, for an observation without events or with nothing else.
    """
    indices: list[int] = []
    offset = 0
    for _ in environment.spec.instruments:
        for part in environment.observation.values():
            if isinstance(part, Events):
                indices += range(offset, offset + part.size)
            offset += part.size
    if not 0 < len(indices) < offset:
        raise ValueError(
            f"population.{group} has attention over events and observation is {list(environment.observation)}; it must "
            "have events and something to ask them by: e.g. observation=[book,account,events]"
        )
    return tuple(indices)


@dataclass
class AttentionConfig(ModelConfig):
    """The config of the encoder, for RLlib.

    Attributes:
        attention: heads and width.
        events: indices of the event history in an observation.
        hidden: the network behind it, of the other numbers and the answers of attention.
    """

    attention: Attention = field(default_factory=Attention)
    events: Sequence[int] = ()
    hidden: MLPEncoderConfig = field(default_factory=MLPEncoderConfig)

    @property
    def output_dims(self) -> Any:
        """Return the width of the last hidden layer."""
        return self.hidden.output_dims

    def build(self, framework: str) -> AttentionEncoder:
        """Return an untrained encoder."""
        return AttentionEncoder(self)


class AttentionEncoder(ObservationEncoder):
    """Encode the numbers of an observation that are no events, and the answer of attention over those that are.

    Attention of one query, a linear layer of the other numbers. Keys and values come from the events, to each of which
    an embedding of its position in the history is added. Empty places of the history, all zeros, are masked; a learned
    key and value that stand for no event never are.
    """

    def __init__(self, config: AttentionConfig) -> None:
        """Build the layers of `config`."""
        super().__init__(config)
        attention, hidden = config.attention, config.hidden
        size, events = config.input_dims[0], np.array(config.events)
        self.heads, width = attention.heads, attention.width
        self.register_buffer("events", torch.from_numpy(events), persistent=False)
        self.register_buffer("others", torch.from_numpy(np.setdiff1d(np.arange(size), events)), persistent=False)
        self.query = torch.nn.Linear(len(self.others), width)
        self.embed = torch.nn.Linear(NUMBERS, width)
        self.position = torch.nn.Parameter(0.1 * torch.randn(len(events) // NUMBERS, width))
        self.no_event = torch.nn.Parameter(torch.zeros(1, width))
        self.keys_and_values = torch.nn.Linear(width, 2 * width)
        self.hidden = hidden.build(framework="torch")

    def encode(self, observation: torch.Tensor) -> dict[Any, Any]:
        """Return the encodings of observations (R, D)."""
        others, events = observation[:, self.others], observation[:, self.events].unflatten(1, (-1, NUMBERS))
        present = torch.nn.functional.pad((events != 0).any(dim=-1), (1, 0), value=True)
        no_event = self.no_event.expand(len(observation), -1, -1)
        history = torch.cat([no_event, self.embed(events) + self.position], dim=1)
        keys, values = self.keys_and_values(history).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query = self.query(others).unflatten(1, (self.heads, 1, -1))
        score = query @ keys.transpose(-1, -2) / math.sqrt(keys.shape[-1])
        weight = score.masked_fill(~present[:, None, None], -torch.inf).softmax(dim=-1)
        answer = (weight @ values).flatten(1)
        encoded: dict[Any, Any] = self.hidden({Columns.OBS: torch.cat([others, answer], dim=1)})
        return encoded
