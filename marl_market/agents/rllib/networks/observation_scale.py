"""The running scale of observations: a part of the policy, which acts, is copied, exported and saved with it.

Observations are shifted and scaled to mean zero and variance one, each number by itself, as by OpenAI Baselines'
`VecNormalize`. Nothing is clipped: so the map is affine, and the first layer of an exported network takes it in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from marl_market.agents.rollout import Floats

MIN_VARIANCE = 1e-8
"""Variance up to which a number of an observation counts as constant, as in `VecNormalize`; it is only shifted."""


class ObservationScale:
    """The running mean and variance of each number of an observation, by the update of Chan et al. 1979.

    Attributes:
        count: observations so far; without any, observations stay as they are.
        shift, divisor: (D,) float32, of the affine map.
    """

    def __init__(self, size: int, untouched: Sequence[int] = ()) -> None:
        """Begin without an observation of `size` numbers; those at the indices `untouched` always stay as they are."""
        self.count = 0
        self._mean, self._variance = np.zeros(size), np.ones(size)
        self._untouched = list(untouched)
        self._set_map()

    def observe(self, observation: Floats) -> None:
        """Add N observations (N, D)."""
        count, total = len(observation), self.count + len(observation)
        if count == 0:
            return
        mean, variance = observation.mean(0, dtype=np.float64), observation.var(0, dtype=np.float64)
        distance = mean - self._mean
        if self.count == 0:
            self._mean, self._variance = mean, variance
        else:
            self._variance = (
                self.count * self._variance + count * variance + distance**2 * self.count * count / total
            ) / total
            self._mean = self._mean + distance * count / total
        self.count = total
        self._set_map()

    def _set_map(self) -> None:
        varies = self._variance > MIN_VARIANCE
        shift, divisor = self._mean.copy(), np.sqrt(np.where(varies, self._variance, 1.0))
        shift[self._untouched], divisor[self._untouched] = 0.0, 1.0
        self.shift, self.divisor = shift.astype(np.float32), divisor.astype(np.float32)

    def apply(self, observation: Floats) -> Floats:
        """Return observations (..., D), shifted and scaled."""
        return observation if self.count == 0 else (observation - self.shift) / self.divisor

    def fold(self, weight: Floats, bias: Floats) -> tuple[Floats, Floats]:
        """Return a first layer, weight (D, outputs) and bias (outputs,), that takes in the map of observations."""
        if self.count == 0:
            return weight, bias
        folded = weight.astype(np.float64) / self.divisor[:, None]
        return folded.astype(np.float32), (bias - self.shift @ folded).astype(np.float32)

    def get_state(self) -> dict[str, Any]:
        """Return the statistics, as a copy."""
        return {"count": self.count, "mean": self._mean.copy(), "variance": self._variance.copy()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        self.count = state["count"]
        self._mean, self._variance = np.array(state["mean"]), np.array(state["variance"])
        self._set_map()
