"""How much the mid price is going to move, whichever way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.agents.learner import Floats
from marl_market.agents.rllib.auxiliary.mid_price import MidPrice
from marl_market.env.environment import Environment


@dataclass(frozen=True)
class Volatility(MidPrice):
    """The realized volatility of the next steps: the root of the mean squared change of a step, in price scales."""

    def targets(self, watched: Floats, environment: Environment, group: str) -> Floats:
        """Return the volatility in price scales of a step."""
        squared = np.diff(watched / environment.spec.price_scale_ticks, axis=0, append=watched[-1:]) ** 2
        summed = np.concatenate([np.zeros_like(watched[:1]), np.cumsum(squared, axis=0, dtype=np.float64)[:-1]])
        within = np.full(watched.shape, np.nan)
        within[: -self.horizon] = summed[self.horizon :] - summed[: -self.horizon]
        return np.sqrt(np.maximum(within, 0.0) / self.horizon).astype(np.float32)
