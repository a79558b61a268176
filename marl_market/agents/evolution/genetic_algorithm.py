"""A genetic algorithm whose genomes are chains of seeds: however long the search, a genome is a few numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marl_market.agents.evolution.strategies import Behavior, checked_fitness, require_field
from marl_market.market.seeding import Stream, generator

Chain = tuple[int, ...]
"""Seeds of the mutations that made a genome of the first one, oldest first."""


@dataclass(frozen=True, eq=False)
class GeneticState:
    """Hold where a search stands.

    Attributes:
        center: the best genome of the last generation, (parameters,).
        origin: the genome that all descend from, (parameters,).
        parents: those that may reproduce, best first.
        generation: number of fitness vectors told so far.
        seed: with the generation, the origin of all chance.
    """

    mean: NDArray[np.float64]
    origin: NDArray[np.float64]
    parents: tuple[Chain, ...]
    generation: int
    seed: int


@dataclass(frozen=True)
class GeneticAlgorithm:
    """Mutate the better candidates and keep the best as it is (Such et al. 2017, arXiv:1712.06567, section 3.1).

    Every candidate but the first is a parent drawn at random plus normal noise; the first is the best one of the
    last generation, which so proves itself anew.

    Attributes:
        sigma: standard deviation of a mutation of each parameter.
        parents: candidates of a generation that may reproduce.
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
        parents = tuple(chains[place] for place in best.tolist())
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
        """Return the genome (parameters,) of a chain; `known` remembers those of its ancestors."""
        genome, length = state.origin, 0
        for place in range(len(chain), 0, -1):
            if chain[:place] in known:
                genome, length = known[chain[:place]], place
                break
        for place in range(length, len(chain)):
            genome = genome + self.sigma * np.random.default_rng(chain[place]).standard_normal(genome.size)
            known[chain[: place + 1]] = genome
        return genome
