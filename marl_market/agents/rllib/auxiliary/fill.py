"""Whether one of the own orders is going to be filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.interfaces import Floats
from marl_market.agents.rllib.auxiliary.task import Ahead, change_ahead
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec


@dataclass(frozen=True)
class Fill(Ahead):
    """Whether the seat trades in the next steps: class 1 where it does, under the policy as it is."""

    def classes(self, environment: EnvironmentSpec) -> int:
        """Return 2."""
        return 2

    def record_inputs(self, batch: BatchMarket, seats: slice) -> NDArray[Any]:
        """Return how many fills each seat has had."""
        return np.asarray(batch.markets["seat"]["account"]["trades"][:, seats, None])

    def targets(self, inputs: Floats, environment: EnvironmentSpec, group: str) -> Floats:
        """Return 1 where fills came in, 0 where none did."""
        change = change_ahead(inputs, self.horizon)
        return np.where(np.isnan(change), change, change > 0).astype(np.float32)
