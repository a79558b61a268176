"""Search strategies as values: ask a state for candidates, tell it their fitness, get the next state.

A state is all that a run needs to continue bit for bit. Noise is never stored or sent: it is drawn again from the
state's seed and generation, so that `ask` changes nothing and workers can make their own candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata


@dataclass(frozen=True, eq=False)
class StrategyState:
    """Hold where a search stands.

    Attributes:
        center: mean of the search distribution, (parameters,).
        first_moment: running mean of the gradient, (parameters,).
        second_moment: running mean of the squared gradient, (parameters,).
        generation: number of fitness vectors told so far.
        seed: with the generation, the origin of all noise.
    """

    center: NDArray[np.float64]
    first_moment: NDArray[np.float64]
    second_moment: NDArray[np.float64]
    generation: int
    seed: int


@dataclass(frozen=True)
class OpenAIES:
    """Climb the smoothed fitness of antithetic candidates by their centered ranks, with Adam.

    candidate = center +- sigma * noise; gradient = sum(rank(fitness) * noise) / (candidates * sigma), rank in
    [-1/2, 1/2]. Salimans et al. 2017 (arXiv:1703.03864, section 2); Adam: Kingma and Ba 2015, algorithm 1.
    Ranks make the step independent of the scale of fitness; it follows that only relative fitness counts.

    Attributes:
        sigma: standard deviation of the noise added to each parameter.
        learning_rate: step of Adam, in units of a parameter.
        weight_decay: pull of every parameter towards zero, as a part of the gradient.
        first_moment_decay: memory of Adam's mean gradient.
        second_moment_decay: memory of Adam's mean squared gradient.
        epsilon: what keeps Adam from dividing by zero.
    """

    sigma: float = 0.05
    learning_rate: float = 0.02
    weight_decay: float = 0.005
    first_moment_decay: float = 0.9
    second_moment_decay: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("sigma", "learning_rate", "epsilon"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "above zero")
        _require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "zero or more")
        for name in ("first_moment_decay", "second_moment_decay"):
            _require(0 <= getattr(self, name) < 1, name, getattr(self, name), "in [0, 1)")

    def initial(self, center: ArrayLike, seed: int) -> StrategyState:
        """Return the state of a search that starts at `center` (parameters,)."""
        start = np.array(center, np.float64)
        return StrategyState(start, np.zeros_like(start), np.zeros_like(start), generation=0, seed=seed)

    def ask(self, state: StrategyState, candidates: int) -> NDArray[np.float32]:
        """Return the candidates (candidates, parameters) of this generation; rows 2i and 2i + 1 mirror each other.

        Mirrored rows may share the random numbers of their market: then luck cancels in their difference. Raises
        ValueError for an odd number of candidates.
        """
        step = self.sigma * self._noise(state, candidates)
        vectors = np.empty((candidates, state.center.size), np.float32)
        vectors[0::2] = state.center + step
        vectors[1::2] = state.center - step
        return vectors

    def tell(self, state: StrategyState, fitness: ArrayLike) -> StrategyState:
        """Return the state after the candidates of `ask` have scored `fitness` (candidates,); higher is better.

        Equal fitness gets equal rank. Raises ValueError for a NaN, naming its candidate, and for an odd number.
        """
        ranks = centered_ranks(fitness)
        noise = self._noise(state, ranks.size)
        gradient = (ranks[0::2] - ranks[1::2]) @ noise / (ranks.size * self.sigma) - self.weight_decay * state.center
        generation = state.generation + 1
        keep_first, keep_second = self.first_moment_decay, self.second_moment_decay
        first_moment = keep_first * state.first_moment + (1 - keep_first) * gradient
        second_moment = keep_second * state.second_moment + (1 - keep_second) * gradient**2
        mean = first_moment / (1 - keep_first**generation)
        scale = np.sqrt(second_moment / (1 - keep_second**generation)) + self.epsilon
        center = state.center + self.learning_rate * mean / scale
        return StrategyState(center, first_moment, second_moment, generation, state.seed)

    def _noise(self, state: StrategyState, candidates: int) -> NDArray[np.float64]:
        """Return the noise (candidates / 2, parameters) of the pairs of this generation."""
        if candidates < 2 or candidates % 2:
            raise ValueError(f"{candidates} candidates; antithetic pairs need an even number of two or more")
        sequence = np.random.SeedSequence(state.seed, spawn_key=(state.generation,))
        return np.random.default_rng(sequence).standard_normal((candidates // 2, state.center.size))


def centered_ranks(fitness: ArrayLike) -> NDArray[np.float64]:
    """Return the ranks of `fitness` (candidates,) spread over [-1/2, 1/2]; ties share the mean of their ranks.

    Raises ValueError for a NaN, naming its candidate, and for fewer than two values.
    """
    values = np.asarray(fitness, np.float64)
    if values.ndim != 1 or values.size < 2:
        raise ValueError(f"fitness has shape {values.shape}; ranks need a vector of two or more")
    if np.isnan(values).any():
        raise ValueError(f"fitness of candidate {int(np.argmax(np.isnan(values)))} is NaN; a fitness is a number")
    return (rankdata(values) - 1) / (values.size - 1) - 0.5


def _require(condition: bool, name: str, value: float, wanted: str) -> None:
    if not condition:
        raise ValueError(f"OpenAIES.{name} is {value!r}; it must be {wanted}")
