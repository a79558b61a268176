"""Statistics that make learning independent of the units of rewards and observations.

Rewards are divided by the running scale of returns, as in OpenAI Baselines' `VecNormalize` (Dhariwal et al. 2017; see
Engstrom et al. 2020, arXiv:2005.12729): the values that a critic learns are then of order one, whatever the currency.
Two differences. The scale is the root mean square of the returns and not their
standard deviation, since a return that hardly varies is as hard to fit. And it adds nothing to the variance, so that
rewards of 1e-4 are scaled as those of 1e6 are. The reward is only scaled, never shifted, so that the best policy stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.rllib.batches.advantages import discounted_returns
from marl_market.agents.rllib.networks.observation_scale import ObservationScale
from marl_market.agents.rollout import Floats, Rollout


class ReturnScale:
    """The running root mean square of the discounted returns of decisions."""

    def __init__(self) -> None:
        """Begin without a return: the scale is 1."""
        self.count = 0
        self.mean_square = 0.0

    @property
    def scale(self) -> float:
        """Return the root mean square; 1 while all returns were zero."""
        return math.sqrt(self.mean_square) or 1.0

    def observe(self, returns: Floats) -> None:
        """Add the returns of N decisions, (N,)."""
        if returns.size:
            self.count += returns.size
            square = float(np.mean(np.square(returns, dtype=np.float64)))
            self.mean_square += (square - self.mean_square) * returns.size / self.count

    def get_state(self) -> dict[str, Any]:
        """Return the statistics."""
        return {"count": self.count, "mean_square": self.mean_square}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        self.count, self.mean_square = state["count"], state["mean_square"]


class Normalization:
    """The normalization of one learner.

    Attributes:
        returns: None where rewards are not scaled.
        observations: None where observations are not.
        seen: the scale of all returns, also where rewards are not scaled.
    """

    def __init__(
        self,
        size: int,
        *,
        normalize_returns: bool = False,
        normalize_observations: bool = False,
        untouched: Sequence[int] = (),
    ) -> None:
        """Begin without statistics; `untouched` are the indices of observations of `size` numbers that stay as is."""
        self.seen = ReturnScale()
        self.returns = self.seen if normalize_returns else None
        self.observations = ObservationScale(size, untouched) if normalize_observations else None

    @property
    def is_ready(self) -> bool:
        """Return whether observations, if they are to be normalized, have statistics."""
        return self.observations is None or self.observations.count > 0

    def observe_returns(self, rollout: Rollout, discount: float) -> None:
        """Add the returns of a rollout to the statistics."""
        self.seen.observe(discounted_returns(rollout, discount)[rollout.active])

    def observe_observations(self, rollout: Rollout) -> None:
        """Add the observations of a rollout's decisions to the statistics."""
        if self.observations is not None:
            self.observations.observe(rollout.observation[:-1][rollout.active])

    def reward(self, reward: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return rewards of any shape, scaled."""
        return reward if self.returns is None else (reward / self.returns.scale).astype(np.float32)

    def observation(self, observation: Floats) -> Floats:
        """Return observations (..., D), shifted and scaled."""
        return observation if self.observations is None else self.observations.apply(observation)

    def rollout(self, rollout: Rollout) -> Rollout:
        """Return a rollout of normalized rewards and observations."""
        if self.returns is None and self.observations is None:
            return rollout
        return replace(rollout, reward=self.reward(rollout.reward), observation=self.observation(rollout.observation))

    def get_state(self) -> dict[str, Any]:
        """Return all statistics."""
        observations = {} if self.observations is None else {"observations": self.observations.get_state()}
        return {"returns": self.seen.get_state(), **observations}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        self.seen.set_state(state["returns"])
        if self.observations is not None:
            self.observations.set_state(state["observations"])
