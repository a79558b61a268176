"""Ratings of the strategies of an empirical game: the payoff of each against an equilibrium of all.

Elo and TrueSkill depend on the pairings; the payoff of a deviation from an equilibrium does not (Balduzzi et al.
2018, "Re-evaluating evaluation"; Marris et al. 2022, "Game theoretic rating in n-player general-sum games"). It
is 0 for
strategies that the equilibrium plays, and negative for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.league.alpha_rank import alpha_rank
from marl_market.league.equilibrium import symmetric_equilibrium
from marl_market.league.game import Mixture, SymmetricGame
from marl_market.league.payoff_table import PayoffTable


@dataclass(frozen=True)
class Ratings:
    """Ratings of all strategies; intervals are over sessions.

    Attributes:
        equilibrium: probability of each strategy in the symmetric equilibrium (strategies,).
        equilibrium_regret: of the equilibrium, 0 where it is exact.
        rating: payoff of each strategy against the equilibrium, less that of the equilibrium (strategies,).
        low: lower ends of the intervals of the ratings, at this equilibrium.
        high: upper ends.
        uniform_payoff: payoff of each strategy against a uniform mixture of all (strategies,).
        regret: what a player of a pure profile of each strategy would gain by its best deviation (strategies,).
        regret_low: lower ends of the intervals of the regrets.
        regret_high: upper ends.
        alpha_rank_mass: of each strategy (strategies,), None for more than two players.
    """

    equilibrium: Mixture
    equilibrium_regret: float
    rating: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    uniform_payoff: NDArray[np.float64]
    regret: NDArray[np.float64]
    regret_low: NDArray[np.float64]
    regret_high: NDArray[np.float64]
    alpha_rank_mass: NDArray[np.float64] | None


def ratings_of(table: PayoffTable) -> Ratings:
    """Return the ratings of a payoff table; alpha-rank has payoffs divided by their range, and alpha 100."""
    game = table.game()
    mixture, regret = symmetric_equilibrium(game)

    def advantages(each: SymmetricGame) -> NDArray[np.float64]:
        deviations = each.deviation_payoffs(mixture)
        return np.asarray(deviations - deviations @ mixture)

    low, high = table.interval(advantages)
    regret_low, regret_high = table.interval(pure_regrets)
    mass = None
    if table.players == 2:
        matrix = table.matrix()
        mass = alpha_rank(matrix / (float(np.ptp(matrix)) or 1.0))
    size = game.strategies
    return Ratings(
        mixture,
        regret,
        advantages(game),
        low,
        high,
        game.deviation_payoffs(np.full(size, 1.0 / size)),
        pure_regrets(game),
        regret_low,
        regret_high,
        mass,
    )


def pure_regrets(game: SymmetricGame) -> NDArray[np.float64]:
    """Return the regret of each pure mixture (strategies,): what a deviator from a group that all play it gains."""
    return np.array([game.regret(pure) for pure in np.eye(game.strategies)])
