"""Alpha-rank: how long evolution stays at each profile.

Source: Omidshafiei et al. 2019, "Alpha-rank: multi-agent evaluation by evolution". Populations of finite size are
monomorphic; a mutant appears in one of them and takes it over with the fixation probability of the Moran process. The
rank is the stationary distribution of that Markov chain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marl_market.league.game import Game

SMALLEST = 1e-300
"""Least fixation probability: the chain stays irreducible, however strong the selection."""


def alpha_rank(matrix: ArrayLike, alpha: float = 100.0, population: int = 50) -> NDArray[np.float64]:
    """Return the mass of each strategy of a symmetric game of two players, in a single population (strategies,).

    Args:
        matrix: payoff of the row strategy against the column.
        alpha: intensity of selection.
        population: number of individuals.
    """
    payoff = np.asarray(matrix, np.float64)
    gain = payoff.T - payoff  # [resident, mutant]: the mutant's payoff against the resident, less that against it
    chain = fixation_probabilities(gain, alpha, population) / max(len(payoff) - 1, 1)
    return stationary(chain)


def alpha_rank_of_profiles(game: Game, alpha: float = 100.0, population: int = 50) -> NDArray[np.float64]:
    """Return the mass of each pure profile, with a population for each player, of shape `game.strategies`."""
    shape = game.strategies
    size, changes = int(np.prod(shape)), max(sum(shape) - len(shape), 1)
    indices = np.arange(size).reshape(shape)
    chain = np.zeros((size, size))
    for player, payoffs in enumerate(game.payoffs):
        own = np.moveaxis(payoffs, player, 0).reshape(shape[player], -1)
        places = np.moveaxis(indices, player, 0).reshape(shape[player], -1)
        for column in range(own.shape[1]):
            gain = own[None, :, column] - own[:, None, column]
            chain[np.ix_(places[:, column], places[:, column])] += (
                fixation_probabilities(gain, alpha, population) / changes
            )
    np.fill_diagonal(chain, 0.0)
    return stationary(chain).reshape(shape)


def fixation_probabilities(gain: NDArray[np.float64], alpha: float, population: int) -> NDArray[np.float64]:
    """Return the probability that a mutant of advantage `gain` takes over: (1 - e^(-a g)) / (1 - e^(-m a g))."""
    strength = alpha * gain
    size = np.where(strength == 0.0, 1.0, np.abs(strength))
    # With e^(-|s|) alone nothing overflows; a disadvantage multiplies by e^(-(m - 1) |s|).
    ratio = np.expm1(-size) / np.expm1(-population * size)
    weak = np.exp(-(population - 1) * size) * ratio
    found = np.where(strength > 0, ratio, np.where(strength < 0, weak, 1.0 / population))
    return np.asarray(np.maximum(found, SMALLEST))


def stationary(chain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the stationary distribution of a chain by its rates (states, states); the diagonal is not read.

    By elimination without subtractions (Grassmann, Taksar and Heyman 1985): rates of very different size keep their
    digits.
    """
    rates = np.array(chain, np.float64)
    size = len(rates)
    for last in range(size - 1, 0, -1):
        rates[:last, last] /= rates[last, :last].sum()
        rates[:last, :last] += np.outer(rates[:last, last], rates[last, :last])
    mass = np.ones(size)
    for state in range(1, size):
        mass[state] = mass[:state] @ rates[:state, state]
        mass[: state + 1] /= mass[: state + 1].sum()
    return mass
