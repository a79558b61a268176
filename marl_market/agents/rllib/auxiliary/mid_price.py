"""The change of the mid price."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.rllib.auxiliary.task import HorizonTask, broadcast_to_seats, change_ahead
from marl_market.agents.rollout import Floats
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec


@dataclass(frozen=True)
class MidPrice(HorizonTask):
    """The change of the mid price within the horizon, in units of its `typical_change` there."""

    weight: float = 0.5

    def record_inputs(self, batch: BatchMarket, seats: slice) -> NDArray[Any]:
        """Return the mid price in ticks."""
        return broadcast_to_seats(batch.markets["public"]["reference_ticks"], seats)

    def targets(self, inputs: Floats, environment: EnvironmentSpec, group: str) -> Floats:
        """Return the change in typical changes of the horizon."""
        return change_ahead(inputs, self.horizon) / np.float32(typical_change(environment, self.horizon))


def typical_change(environment: EnvironmentSpec, steps: int) -> float:
    """Return the standard deviation in ticks of a random walk of `steps` steps, of the volatility in the spec.

    A market whose recorded mid price never moved counts as one of a tick a second.
    """
    spec = environment.spec
    return (spec.flow.volatility_ticks or 1.0) * math.sqrt(steps * spec.step_seconds)
