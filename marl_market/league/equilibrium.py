"""Equilibria of games: Nash by linear programs and by dynamics, correlated of maximal entropy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog, minimize
from scipy.special import logsumexp, softmax

from marl_market.league.game import Game, Mixture, SymmetricGame
from marl_market.market.seeding import Stream, generator


class ZeroSumSolution(NamedTuple):
    """The solution of a zero-sum game: both players' mixtures, and the row player's payoff."""

    row: Mixture
    column: Mixture
    value: float


def zero_sum_equilibrium(matrix: ArrayLike) -> ZeroSumSolution:
    """Return a Nash equilibrium of the zero-sum game in which the row player earns `matrix` (von Neumann 1928)."""
    payoff = np.asarray(matrix, np.float64)
    row, value = _maximin(payoff)
    column, _ = _maximin(-payoff.T)
    return ZeroSumSolution(row, column, value)


def _maximin(payoff: NDArray[np.float64]) -> tuple[Mixture, float]:
    """Return the mixture of rows with the largest guaranteed payoff: max v, x' payoff >= v, x in the simplex."""
    rows, columns = payoff.shape
    objective = np.append(np.zeros(rows), -1.0)
    below = np.hstack([-payoff.T, np.ones((columns, 1))])
    total = np.append(np.ones(rows), 0.0)[None]
    bounds = [(0.0, None)] * rows + [(None, None)]
    found = linprog(objective, below, np.zeros(columns), total, [1.0], bounds)
    if not found.success:
        raise ValueError(f"the linear program of a {rows} x {columns} game failed: {found.message}")
    return normalized(found.x[:-1]), float(found.x[-1])


def replicator_path(game: SymmetricGame, start: Mixture, steps: int = 2000, step: float = 0.1) -> NDArray[np.float64]:
    """Return a path of the replicator dynamics (steps + 1, strategies) from `start` (Taylor and Jonker 1978).

    Steps are exact in logarithms, so that no share leaves the simplex; payoffs are divided by their range.
    """
    scale = float(np.ptp(game.payoffs[game.counts > 0])) or 1.0
    path = np.empty((steps + 1, game.strategies))
    path[0] = normalized(start)
    for index in range(steps):
        gains = game.deviation_payoffs(path[index]) / scale
        path[index + 1] = normalized(path[index] * np.exp(step * (gains - gains.max())))
    return path


def symmetric_equilibrium(game: SymmetricGame, starts: int = 10) -> tuple[Mixture, float]:
    """Return the symmetric mixture of the least regret found, and its regret.

    Candidates are ends and time averages (which converge where the dynamics cycle) of the replicator dynamics from the
    uniform mixture and from random ones, each polished by minimizing the squared gains of deviations.
    """
    random, size = generator(0, Stream.BOOTSTRAP, 1), game.strategies
    begins = [np.full(size, 1.0 / size), *random.dirichlet(np.ones(size), starts)]
    found: list[tuple[float, Mixture]] = []
    for begin in begins:
        path = replicator_path(game, begin)
        for candidate in (path[-1], path[len(path) // 2 :].mean(axis=0)):
            polished = _polished(game, candidate)
            found += [(game.regret(each), each) for each in (candidate, polished)]
    regret, mixture = min(found, key=lambda each: each[0])
    return mixture, regret


def _polished(game: SymmetricGame, start: Mixture) -> Mixture:
    def gains(mixture: NDArray[np.float64]) -> float:
        point = normalized(np.maximum(mixture, 0.0))
        deviations = game.deviation_payoffs(point)
        return float((np.maximum(deviations - deviations @ point, 0.0) ** 2).sum())

    whole = {"type": "eq", "fun": lambda mixture: mixture.sum() - 1.0}
    bounds = [(0.0, 1.0)] * game.strategies
    found = minimize(gains, start, method="SLSQP", bounds=bounds, constraints=[whole], options={"ftol": 1e-16})
    return normalized(np.maximum(found.x, 0.0))


def correlated_equilibrium(game: Game, slack: float = 0.0) -> NDArray[np.float64]:
    """Return the correlated equilibrium of maximal entropy, probabilities of the pure profiles (strategies, ...).

    It is unique and symmetric where the game is (Ortiz, Schapire and Kakade 2007). The dual is solved: probabilities
    exp(-G' l) / Z with a multiplier l >= 0 for each gain G of a player that deviates from its recommended
    strategy.

    Args:
        game: the game.
        slack: gain that a deviation may have.
    """
    gains = _deviation_gains(game)
    scale = float(np.abs(gains).max()) or 1.0
    gains, slack = gains / scale, slack / scale

    def dual(multipliers: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = -multipliers @ gains
        return float(logsumexp(logits) + slack * multipliers.sum()), -gains @ softmax(logits) + slack

    found = minimize(
        dual, np.zeros(len(gains)), jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(gains),
        options={"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-15, "gtol": 1e-10},
    )  # fmt: skip
    return np.asarray(softmax(-found.x @ gains).reshape(game.strategies))


def _deviation_gains(game: Game) -> NDArray[np.float64]:
    """Return, for each player and pair of its strategies, the gain in each pure profile (constraints, profiles)."""
    rows = []
    for player, payoffs in enumerate(game.payoffs):
        for given in range(game.strategies[player]):
            for played in range(game.strategies[player]):
                if given != played:
                    gain = np.zeros_like(payoffs)
                    own, other = ([slice(None)] * game.players for _ in range(2))
                    own[player], other[player] = given, played  # type: ignore[call-overload]
                    gain[tuple(own)] = payoffs[tuple(other)] - payoffs[tuple(own)]
                    rows.append(gain.ravel())
    return np.array(rows) if rows else np.zeros((0, payoffs.size))


def normalized(weights: ArrayLike) -> Mixture:
    """Return weights divided by their sum, those below zero as zero."""
    positive = np.maximum(np.asarray(weights, np.float64), 0.0)
    return np.asarray(positive / positive.sum())
