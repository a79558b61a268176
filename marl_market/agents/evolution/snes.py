"""Separable natural evolution strategies: a standard deviation for each weight."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from marl_market.agents.evolution.strategies import Behavior, checked_fitness, mirrored_noise
from marl_market.market.validation import require_field


@dataclass(frozen=True, eq=False)
class SNESState:
    """The state of a search.

    Attributes:
        mean: mean of the search distribution, (parameters,).
        deviation: standard deviation of each parameter, (parameters,).
        generation: number of generations so far.
        seed: with the generation, the seed of all noise.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    generation: int
    seed: int


@dataclass(frozen=True)
class SNES:
    """Follow the natural gradient of the expected utility of a normal distribution with a diagonal covariance.

    mean += mean_rate * deviation * (utility @ noise); deviation *= exp(deviation_rate / 2 * (utility @ (noise^2 -
    1))), with utilities by rank. Schaul et al. 2011 (GECCO, "High dimensions and heavy tails for natural evolution
    strategies", algorithm 2); Wierstra et al. 2014 (JMLR 15, section 3.1 on utilities).

    Attributes:
        sigma: first standard deviation of each parameter.
        mean_rate: step of the mean, in standard deviations.
        deviation_rate: step of the logarithm of the deviations; None: (3 + log parameters) / (5 sqrt(parameters)).
    """

    sigma: float = 0.1
    mean_rate: float = 1.0
    deviation_rate: float | None = None

    def __post_init__(self) -> None:
        for name in ("sigma", "mean_rate"):
            require_field(self, name, getattr(self, name) > 0, "above zero")
        require_field(self, "deviation_rate", self.deviation_rate is None or self.deviation_rate >= 0, "zero or more")

    def initial(self, mean: ArrayLike, seed: int) -> SNESState:
        """Return the state of a search that starts at `mean` (parameters,)."""
        start = np.array(mean, np.float64)
        return SNESState(start, np.full_like(start, self.sigma), generation=0, seed=seed)

    def ask(self, state: SNESState, candidates: int) -> NDArray[np.float32]:
        """Return the candidates (candidates, parameters) of this generation; rows 2i and 2i + 1 mirror each other."""
        noise = mirrored_noise(state.seed, state.generation, candidates, state.mean.size)
        return (state.mean + state.deviation * noise).astype(np.float32)

    def tell(self, state: SNESState, fitness: ArrayLike, behavior: Behavior | None = None) -> SNESState:
        """Return the state after the candidates of `ask` have scored `fitness` (candidates,); higher is better."""
        values = checked_fitness(fitness)
        size = state.mean.size
        noise = mirrored_noise(state.seed, state.generation, values.size, size)
        utility = utilities(values)
        rate = (3 + math.log(size)) / (5 * math.sqrt(size)) if self.deviation_rate is None else self.deviation_rate
        return SNESState(
            mean=state.mean + self.mean_rate * state.deviation * (utility @ noise),
            deviation=state.deviation * np.exp(0.5 * rate * (utility @ (noise**2 - 1))),
            generation=state.generation + 1,
            seed=state.seed,
        )


def utilities(fitness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the utilities (candidates,) of sum zero, by rank; equal fitness has equal utility."""
    raw = np.maximum(0.0, math.log(fitness.size / 2 + 1) - np.log(rankdata(-fitness)))
    return raw / raw.sum() - 1 / fitness.size
