"""Covariance matrix adaptation: the shape of the search distribution is adapted too."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from cmaes import CMA, SepCMA
from numpy.typing import ArrayLike, NDArray

from marl_market.agents.evolution.strategies import Behavior, checked_fitness
from marl_market.market.seeding import Stream, seed_sequence
from marl_market.market.validation import require_field


@dataclass(frozen=True, eq=False)
class CMAESState:
    """The state of a search.

    Attributes:
        mean: mean of the search distribution, (parameters,).
        optimizer: attributes of the optimizer of the package `cmaes`; empty before the first generation.
        generation: number of generations so far.
        seed: with the generation, the seed of all noise.
    """

    mean: NDArray[np.float64]
    optimizer: Mapping[str, Any]
    generation: int
    seed: int


@dataclass(frozen=True)
class CMAES:
    """Search with the package `cmaes` (Nomura and Shibata 2024, arXiv:2402.01373).

    Hansen 2016 (arXiv:1604.00772); with a diagonal covariance Ros and Hansen 2008 (PPSN X). The number of candidates
    must not change between generations.

    Attributes:
        sigma: first standard deviation of each parameter.
        separable: whether the covariance is diagonal; a full one has parameters^2 numbers and suits few parameters.
    """

    sigma: float = 0.1
    separable: bool = True

    def __post_init__(self) -> None:
        require_field(self, "sigma", self.sigma > 0, "above zero")

    def initial(self, mean: ArrayLike, seed: int) -> CMAESState:
        """Return the state of a search that starts at `mean` (parameters,)."""
        return CMAESState(np.array(mean, np.float64), {}, generation=0, seed=seed)

    def ask(self, state: CMAESState, candidates: int) -> NDArray[np.float32]:
        """Return the candidates (candidates, parameters) of this generation; raises ValueError for fewer than two."""
        return self._ask(self._optimizer(state, candidates), candidates).astype(np.float32)

    def tell(self, state: CMAESState, fitness: ArrayLike, behavior: Behavior | None = None) -> CMAESState:
        """Return the state after the candidates of `ask` have scored `fitness` (candidates,); higher is better."""
        values = checked_fitness(fitness)
        optimizer = self._optimizer(state, values.size)
        solutions = self._ask(optimizer, values.size)
        optimizer.tell([(solution, -value) for solution, value in zip(solutions, values.tolist(), strict=True)])
        kept = copy.deepcopy(optimizer.__getstate__())
        return CMAESState(optimizer.mean.copy(), kept, state.generation + 1, state.seed)

    def _optimizer(self, state: CMAESState, candidates: int) -> CMA | SepCMA:
        """Return the optimizer of a state, seeded for the noise of its generation."""
        if candidates < 2:
            raise ValueError(f"{candidates} candidates; a covariance needs two or more")
        kind = SepCMA if self.separable else CMA
        optimizer: CMA | SepCMA = kind(state.mean.copy(), self.sigma, population_size=candidates)
        if state.optimizer:
            optimizer.__setstate__(copy.deepcopy(dict(state.optimizer)))
        if optimizer.population_size != candidates:
            raise ValueError(f"{candidates} candidates after {optimizer.population_size}; the number must not change")
        words = seed_sequence(state.seed, Stream.GENERATION, state.generation).generate_state(1)
        optimizer.reseed_rng(int(words[0]))
        return optimizer

    def _ask(self, optimizer: CMA | SepCMA, candidates: int) -> NDArray[np.float64]:
        return np.stack([optimizer.ask() for _ in range(candidates)])
