"""How much the mid price is going to move, whichever way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.agents.interfaces import Floats
from marl_market.agents.rllib.auxiliary.mid_price import MidPrice, usual_change
from marl_market.env.environment import EnvironmentSpec


@dataclass(frozen=True)
class Volatility(MidPrice):
    """The realized volatility of the next steps in units of the market's own: the root of the mean squared change.

    Andersen and Bollerslev 1998 ("Answering the skeptics: yes, standard volatility models do provide accurate
    forecasts").
    """

    def targets(self, inputs: Floats, environment: EnvironmentSpec, group: str) -> Floats:
        """Return the volatility in usual changes of a step."""
        squared = np.diff(inputs / usual_change(environment, 1), axis=0, append=inputs[-1:]) ** 2
        summed = np.concatenate([np.zeros_like(inputs[:1]), np.cumsum(squared, axis=0, dtype=np.float64)[:-1]])
        within = np.full(inputs.shape, np.nan)
        within[: -self.horizon] = summed[self.horizon :] - summed[: -self.horizon]
        return np.sqrt(np.maximum(within, 0.0) / self.horizon).astype(np.float32)
