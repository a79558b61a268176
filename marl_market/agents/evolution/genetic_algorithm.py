"""A genetic algorithm that stores parameters as chains of mutation seeds, so that a candidate is a few integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marl_market.agents.evolution.strategies import Behavior, checked_fitness
from marl_market.market.seeding import Stream, generator
from marl_market.market.validation import require_field

Chain = tuple[int, ...]
"""Seeds of the mutations from the initial parameters to a candidate, oldest first."""


@dataclass(frozen=True, eq=False)
class GeneticState:
    """The state of a search.

    Attributes:
        mean: the best candidate of the last generation, (parameters,).
        origin: the initial parameters, (parameters,).
        parents: chains of the parents of the next generation, best first.
        generation: number of generations so far.
        seed: with the generation, the seed of all draws.
    """

    mean: NDArray[np.float64]
    origin: NDArray[np.float64]
    parents: tuple[Chain, ...]
    generation: int
    seed: int


@dataclass(frozen=True)
class GeneticAlgorithm:
    """Mutate the better candidates and keep the best as it is (Such et al. 2017, arXiv:1712.06567, section 3.1).

    Every candidate but the first is a random parent plus normal noise; the first is the best one of the last
    generation (elitism), evaluated again.

    Attributes:
        sigma: standard deviation of a mutation of each parameter.
        parents: number of candidates of a generation that become parents.
    """

    sigma: float = 0.1
    parents: int = 10

    def __post_init__(self) -> None:
        require_field(self, "sigma", self.sigma > 0, "above zero")
        require_field(self, "parents", self.parents >= 1, "1 or more")

    def initial(self, mean: ArrayLike, seed: int) -> GeneticState:
        """Return the state of a search that starts at `mean` (parameters,)."""
        start = np.array(mean, np.float64)
        return GeneticState(start, start, ((),), generation=0, seed=seed)

    def ask(self, state: GeneticState, candidates: int) -> NDArray[np.float32]:
        """Return the candidates (candidates, parameters) of this generation."""
        known: dict[Chain, NDArray[np.float64]] = {}
        return np.stack([self._express(state, chain, known) for chain in self._chains(state, candidates)]).astype(
            np.float32
        )

    def tell(self, state: GeneticState, fitness: ArrayLike, behavior: Behavior | None = None) -> GeneticState:
        """Return the state after the candidates of `ask` have scored `fitness` (candidates,); higher is better.

        Of equally fit candidates the earlier comes first.
        """
        values = checked_fitness(fitness)
        chains = self._chains(state, values.size)
        best = np.argsort(-values, kind="stable")[: self.parents]
        parents = tuple(chains[index] for index in best.tolist())
        return GeneticState(
            mean=self._express(state, parents[0], {}),
            origin=state.origin,
            parents=parents,
            generation=state.generation + 1,
            seed=state.seed,
        )

    def _chains(self, state: GeneticState, candidates: int) -> list[Chain]:
        random = generator(state.seed, Stream.GENERATION, state.generation)
        drawn = random.integers(0, len(state.parents), candidates - 1).tolist()
        mutations = random.integers(0, 2**63, candidates - 1).tolist()
        children = [(*state.parents[parent], seed) for parent, seed in zip(drawn, mutations, strict=True)]
        return [state.parents[0], *children]

    def _express(
        self, state: GeneticState, chain: Chain, known: dict[Chain, NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Return the parameters (parameters,) of a chain; `known` caches those of its prefixes."""
        parameters, length = state.origin, 0
        for place in range(len(chain), 0, -1):
            if chain[:place] in known:
                parameters, length = known[chain[:place]], place
                break
        for place in range(length, len(chain)):
            noise = np.random.default_rng(chain[place]).standard_normal(parameters.size)
            parameters = parameters + self.sigma * noise
            known[chain[: place + 1]] = parameters
        return parameters
