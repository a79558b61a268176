"""The net trades of the other groups: a model of the opponents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.rllib.auxiliary.task import HorizonTask, broadcast_to_seats, change_ahead
from marl_market.agents.rollout import Floats
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec


@dataclass(frozen=True)
class OthersFlow(HorizonTask):
    """The lots bought less the lots sold within the horizon, mean over the seats of each group, in size scales.

    Net trades are an action that all agents have in common, whatever their action scheme. Positions of others are not
    public: the target is privileged, for learning only, and the policy does not observe it.
    """

    weight: float = 0.5

    def numbers(self, environment: EnvironmentSpec) -> int:
        """Return the number of groups, the learner's own among them."""
        return len(environment.groups)

    def record_inputs(self, batch: BatchMarket, seats: slice) -> NDArray[Any]:
        """Return the mean position of the seats of each group, in lots."""
        position = batch.markets["seat"]["account"]["position"]
        environment = batch.environment
        groups = [position[:, environment.seats_of(group.name)].mean(1) for group in environment.groups]
        return broadcast_to_seats(np.stack(groups, axis=1), seats)

    def targets(self, inputs: Floats, environment: EnvironmentSpec, group: str) -> Floats:
        """Return the change of the mean positions in size scales."""
        return change_ahead(inputs, self.horizon) / np.float32(environment.spec.size_scale_lots)
