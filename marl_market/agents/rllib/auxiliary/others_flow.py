"""What the others trade next: a head that models the opponents by the group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.interfaces import Floats
from marl_market.agents.rllib.auxiliary.task import Ahead, by_seat, change_ahead
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec


@dataclass(frozen=True)
class OthersFlow(Ahead):
    """What a seat of each other group buys in the next steps less what it sells, on average, in size scales.

    Net trades are an action that all minds have in common, whatever their action scheme. Positions of others are told
    to nobody: the target is privileged, in learning only, and what the policy sees stays as it is.
    """

    weight: float = 0.5

    def numbers(self, environment: EnvironmentSpec) -> int:
        """Return the number of groups, the own one among them, whose target is its own flow."""
        return len(environment.groups)

    def record_inputs(self, batch: BatchMarket, seats: slice) -> NDArray[Any]:
        """Return the mean position of the seats of each group, in lots."""
        position = batch.markets["seat"]["account"]["position"]
        environment = batch.environment
        groups = [position[:, environment.seats_of(group.name)].mean(1) for group in environment.groups]
        return by_seat(np.stack(groups, axis=1), seats)

    def targets(self, inputs: Floats, environment: EnvironmentSpec, group: str) -> Floats:
        """Return the change of those positions in size scales."""
        return change_ahead(inputs, self.horizon) / np.float32(environment.spec.size_scale_lots)
