"""A fill of one of the seat's own orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.rllib.auxiliary.task import HorizonTask, change_ahead
from marl_market.agents.rollout import Floats
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec


@dataclass(frozen=True)
class Fill(HorizonTask):
    """Class 1 where the seat trades within the horizon, under the current policy."""

    def classes(self, environment: EnvironmentSpec) -> int:
        """Return 2."""
        return 2

    def record_inputs(self, batch: BatchMarket, seats: slice) -> NDArray[Any]:
        """Return the number of fills of each seat so far."""
        return np.asarray(batch.markets["seat"]["account"]["trades"][:, seats, None])

    def targets(self, inputs: Floats, environment: EnvironmentSpec, group: str) -> Floats:
        """Return 1 where the number grew, 0 where it did not."""
        change = change_ahead(inputs, self.horizon)
        return np.where(np.isnan(change), change, change > 0).astype(np.float32)
