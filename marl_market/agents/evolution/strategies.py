"""Search strategies as values: ask a state for candidates, tell it their fitness, get the next state.

A state is all that a run needs to continue bit for bit. Noise is never stored or sent: it is drawn again from the
state's seed and generation, so that `ask` changes nothing and workers draw their own candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from marl_market.market.seeding import Stream, generator
from marl_market.market.validation import require_field

Behavior = NDArray[np.float64]
"""Behavior descriptors whose distances measure novelty, (candidates, numbers)."""


class SearchState(Protocol):
    """The state of a search: a dataclass of arrays, plain values and such dataclasses."""

    @property
    def mean(self) -> NDArray[np.float64]:
        """Return the mean of the search, (parameters,)."""
        ...

    @property
    def seed(self) -> int:
        """Return the seed of all noise."""
        ...


class Strategy(Protocol):
    """A search strategy of weights; it takes only states of its own."""

    def initial(self, mean: ArrayLike, seed: int) -> SearchState:
        """Return the state of a search that starts at `mean` (parameters,)."""
        ...

    def ask(self, state: Any, candidates: int) -> NDArray[np.float32]:
        """Return the candidates (candidates, parameters) of this generation; the same state gives the same ones."""
        ...

    def tell(self, state: Any, fitness: ArrayLike, behavior: Behavior | None = None) -> SearchState:
        """Return the state after the candidates of `ask` have scored `fitness` (candidates,); higher is better."""
        ...


@dataclass(frozen=True, eq=False)
class StrategyState:
    """The state of a search.

    Attributes:
        mean: mean of the search distribution, (parameters,).
        first_moment: running mean of the gradient, (parameters,).
        second_moment: running mean of the squared gradient, (parameters,).
        generation: number of generations so far.
        seed: with the generation, the seed of all noise.
    """

    mean: NDArray[np.float64]
    first_moment: NDArray[np.float64]
    second_moment: NDArray[np.float64]
    generation: int
    seed: int


@dataclass(frozen=True)
class OpenAIES:
    """Climb the smoothed fitness of antithetic candidates by their centered ranks, with Adam.

    candidate = mean +- sigma * noise; gradient = sum(rank(fitness) * noise) / (candidates * sigma), rank in
    [-1/2, 1/2]. Salimans et al. 2017 (arXiv:1703.03864, section 2); Adam: Kingma and Ba 2015, algorithm 1.
    Ranks make the step independent of the scale of fitness; it follows that only relative fitness counts.

    Attributes:
        sigma: standard deviation of the noise added to each parameter.
        learning_rate: step of Adam, in units of a parameter.
        weight_decay: pull of every parameter towards zero, as a part of the gradient.
        first_moment_decay: decay of Adam's mean gradient.
        second_moment_decay: decay of Adam's mean squared gradient.
        epsilon: added to Adam's denominator.
    """

    sigma: float = 0.05
    learning_rate: float = 0.01
    weight_decay: float = 0.005
    first_moment_decay: float = 0.9
    second_moment_decay: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("sigma", "learning_rate", "epsilon"):
            require_field(self, name, getattr(self, name) > 0, "above zero")
        require_field(self, "weight_decay", self.weight_decay >= 0, "zero or more")
        for name in ("first_moment_decay", "second_moment_decay"):
            require_field(self, name, 0 <= getattr(self, name) < 1, "in [0, 1)")

    def initial(self, mean: ArrayLike, seed: int) -> StrategyState:
        """Return the state of a search that starts at `mean` (parameters,)."""
        start = np.array(mean, np.float64)
        return StrategyState(start, np.zeros_like(start), np.zeros_like(start), generation=0, seed=seed)

    def ask(self, state: StrategyState, candidates: int) -> NDArray[np.float32]:
        """Return the candidates (candidates, parameters) of this generation; rows 2i and 2i + 1 mirror each other.

        Antithetic pairs may play with common random numbers, which cancel in their difference. Raises ValueError for
        an odd number of candidates.
        """
        noise = mirrored_noise(state.seed, state.generation, candidates, state.mean.size)
        return (state.mean + self.sigma * noise).astype(np.float32)

    def tell(self, state: StrategyState, fitness: ArrayLike, behavior: Behavior | None = None) -> StrategyState:
        """Return the state after the candidates of `ask` have scored `fitness` (candidates,); higher is better.

        Equal fitness gets equal rank. Raises ValueError for a NaN, naming its candidate, and for an odd number.
        """
        ranks = centered_ranks(fitness)
        noise = mirrored_noise(state.seed, state.generation, ranks.size, state.mean.size)
        # By pairs, so that equal fitness moves the mean by nothing at all.
        pull = (ranks[0::2] - ranks[1::2]) @ noise[0::2]
        gradient = pull / (ranks.size * self.sigma) - self.weight_decay * state.mean
        generation = state.generation + 1
        keep_first, keep_second = self.first_moment_decay, self.second_moment_decay
        first_moment = keep_first * state.first_moment + (1 - keep_first) * gradient
        second_moment = keep_second * state.second_moment + (1 - keep_second) * gradient**2
        direction = first_moment / (1 - keep_first**generation)
        scale = np.sqrt(second_moment / (1 - keep_second**generation)) + self.epsilon
        mean = state.mean + self.learning_rate * direction / scale
        return StrategyState(mean, first_moment, second_moment, generation, state.seed)


def mirrored_noise(seed: int, generation: int, candidates: int, parameters: int) -> NDArray[np.float64]:
    """Return standard normal noise (candidates, parameters) of a generation; rows 2i and 2i + 1 mirror each other.

    Raises ValueError for an odd number of candidates.
    """
    if candidates < 2 or candidates % 2:
        raise ValueError(f"{candidates} candidates; antithetic pairs need an even number of two or more")
    noise = generator(seed, Stream.GENERATION, generation).standard_normal((candidates // 2, parameters))
    return np.stack([noise, -noise], axis=1).reshape(candidates, parameters)


def centered_ranks(fitness: ArrayLike) -> NDArray[np.float64]:
    """Return the ranks of `fitness` (candidates,) spread over [-1/2, 1/2]; ties share the mean of their ranks.

    Raises ValueError for a NaN, naming its candidate, and for fewer than two values.
    """
    values = checked_fitness(fitness)
    return (rankdata(values) - 1) / (values.size - 1) - 0.5


def checked_fitness(fitness: ArrayLike) -> NDArray[np.float64]:
    """Return `fitness` (candidates,) as numbers; raises ValueError for a NaN, by candidate, or fewer than two."""
    values = np.asarray(fitness, np.float64)
    if values.ndim != 1 or values.size < 2:
        raise ValueError(f"fitness has shape {values.shape}; ranks need a vector of two or more")
    if np.isnan(values).any():
        raise ValueError(f"fitness of candidate {int(np.argmax(np.isnan(values)))} is NaN; a fitness is a number")
    return values
