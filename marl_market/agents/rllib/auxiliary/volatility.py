"""The realized volatility of the mid price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.agents.rllib.auxiliary.mid_price import MidPrice, typical_change
from marl_market.agents.rollout import Floats
from marl_market.env.environment import EnvironmentSpec


@dataclass(frozen=True)
class Volatility(MidPrice):
    """The root of the mean squared change of the mid price within the horizon, in units of its `typical_change`.

    Andersen and Bollerslev 1998 ("Answering the skeptics: yes, standard volatility models do provide accurate
    forecasts").
    """

    def targets(self, inputs: Floats, environment: EnvironmentSpec, group: str) -> Floats:
        """Return the volatility in typical changes of a step."""
        squared = np.diff(inputs / typical_change(environment, 1), axis=0, append=inputs[-1:]) ** 2
        summed = np.concatenate([np.zeros_like(inputs[:1]), np.cumsum(squared, axis=0, dtype=np.float64)[:-1]])
        within = np.full(inputs.shape, np.nan)
        within[: -self.horizon] = summed[self.horizon :] - summed[: -self.horizon]
        return np.sqrt(np.maximum(within, 0.0) / self.horizon).astype(np.float32)
