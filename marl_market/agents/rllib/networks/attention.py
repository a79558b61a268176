"""An encoder that attends over the history of events in an observation, asked by all else that is seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.base import Encoder
from ray.rllib.core.models.configs import MLPEncoderConfig, ModelConfig
from ray.rllib.core.models.torch.base import TorchModel

from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.events import NUMBERS, Events


@dataclass(frozen=True)
class Attention:
    """Say how the events of an observation are attended to (Vaswani et al. 2017, arXiv:1706.03762, section 3.2).

    Raises ValueError, naming the field, for a value that makes no network.

    Attributes:
        heads: looks at the history, each for something of its own.
        width: numbers that all heads together bring back.
    """

    heads: int = 2
    width: int = 32

    def __post_init__(self) -> None:
        if self.heads < 1:
            raise ValueError(f"attention.heads is {self.heads}; it must be 1 or more")
        if self.width < self.heads or self.width % self.heads:
            raise ValueError(f"attention.width is {self.width}; it must be a multiple of the {self.heads} heads")


def places_of_events(environment: EnvironmentSpec, group: str) -> tuple[int, ...]:
    """Return where the numbers of events are in an observation, those of each instrument, newest first.

    Raises ValueError, naming the group that wants to attend to them, where there are none, or nothing else.
    """
    places: list[int] = []
    offset = 0
    for _ in environment.spec.instruments:
        for part in environment.observation.values():
            if isinstance(part, Events):
                places += range(offset, offset + part.size)
            offset += part.size
    if not 0 < len(places) < offset:
        raise ValueError(
            f"population.{group} has attention over events and observation is {list(environment.observation)}; it must "
            "have events and something to ask them by: e.g. observation=[book,account,events]"
        )
    return tuple(places)


@dataclass
class AttentionConfig(ModelConfig):
    """Describe the encoder to RLlib.

    Attributes:
        attention: how events are attended to.
        places: where their numbers are in an observation.
        hidden: the network behind it, of the other numbers and what attention brings.
    """

    attention: Attention = field(default_factory=Attention)
    places: Sequence[int] = ()
    hidden: MLPEncoderConfig = field(default_factory=MLPEncoderConfig)

    @property
    def output_dims(self) -> Any:
        """Return the width of the last hidden layer."""
        return self.hidden.output_dims

    def build(self, framework: str) -> AttentionEncoder:
        """Return a newborn encoder."""
        return AttentionEncoder(self)


class AttentionEncoder(TorchModel, Encoder):
    """Let what is seen otherwise ask the events, and encode it and the answer.

    Attention of one query: what the other numbers of an observation become by a linear layer. Keys and values come
    from the events, to each of which an embedding of its place in the history is added. Events there have not been,
    all zeros, are not looked at; a learned key and value that stand for no event always are.
    """

    def __init__(self, config: AttentionConfig) -> None:
        """Build the layers of `config`."""
        super().__init__(config)
        attention, hidden = config.attention, config.hidden
        size, places = config.input_dims[0], np.array(config.places)
        self.heads, width = attention.heads, attention.width
        self.register_buffer("events", torch.from_numpy(places), persistent=False)
        self.register_buffer("others", torch.from_numpy(np.setdiff1d(np.arange(size), places)), persistent=False)
        self.query = torch.nn.Linear(len(self.others), width)
        self.embed = torch.nn.Linear(NUMBERS, width)
        self.place = torch.nn.Parameter(0.1 * torch.randn(len(places) // NUMBERS, width))
        self.nothing = torch.nn.Parameter(torch.zeros(1, width))
        self.keys_and_values = torch.nn.Linear(width, 2 * width)
        self.hidden = hidden.build(framework="torch")

    def _forward(self, input_dict: dict[Any, Any], **_: Any) -> dict[Any, Any]:
        """Return the encoding of input_dict[OBS] (R, D)."""
        seen = input_dict[Columns.OBS]
        others, events = seen[:, self.others], seen[:, self.events].unflatten(1, (-1, NUMBERS))
        happened = torch.nn.functional.pad((events != 0).any(dim=-1), (1, 0), value=True)
        nothing = self.nothing.expand(len(seen), -1, -1)
        history = torch.cat([nothing, self.embed(events) + self.place], dim=1)
        keys, values = self.keys_and_values(history).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query = self.query(others).unflatten(1, (self.heads, 1, -1))
        score = query @ keys.transpose(-1, -2) / math.sqrt(keys.shape[-1])
        weight = score.masked_fill(~happened[:, None, None], -torch.inf).softmax(dim=-1)
        answer = (weight @ values).flatten(1)
        encoded: dict[Any, Any] = self.hidden({Columns.OBS: torch.cat([others, answer], dim=1)})
        return encoded
