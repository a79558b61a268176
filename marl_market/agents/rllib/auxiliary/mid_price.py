"""Where the mid price goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.learner import Floats
from marl_market.agents.rllib.auxiliary.target import Ahead, by_seat, change_ahead
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import Environment


@dataclass(frozen=True)
class MidPrice(Ahead):
    """The change of the mid price in the next steps, in price scales."""

    def watch(self, batch: BatchMarket, seats: slice) -> NDArray[Any]:
        """Return the mid price in ticks."""
        return by_seat(batch.markets["public"]["reference_ticks"], seats)

    def targets(self, watched: Floats, environment: Environment, group: str) -> Floats:
        """Return the change in price scales."""
        return change_ahead(watched, self.horizon) / np.float32(environment.spec.price_scale_ticks)
