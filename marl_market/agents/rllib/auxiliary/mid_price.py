"""Where the mid price goes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.interfaces import Floats
from marl_market.agents.rllib.auxiliary.task import Ahead, by_seat, change_ahead
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec


@dataclass(frozen=True)
class MidPrice(Ahead):
    """The change of the mid price in the next steps, in units of what the market says it is: see `usual_change`."""

    weight: float = 0.5

    def record_inputs(self, batch: BatchMarket, seats: slice) -> NDArray[Any]:
        """Return the mid price in ticks."""
        return by_seat(batch.markets["public"]["reference_ticks"], seats)

    def targets(self, inputs: Floats, environment: EnvironmentSpec, group: str) -> Floats:
        """Return the change in usual changes over so many steps."""
        return change_ahead(inputs, self.horizon) / np.float32(usual_change(environment, self.horizon))


def usual_change(environment: EnvironmentSpec, steps: int) -> float:
    """Return the standard deviation of a random walk of so many steps, of the market's volatility, in ticks."""
    spec = environment.spec
    return spec.flow.volatility_ticks * math.sqrt(steps * spec.step_seconds)
