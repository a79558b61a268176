"""Finite games: payoffs of profiles, deviation payoffs and regret.

A game in normal form has a payoff array for each player. A symmetric game of many players is kept by its profiles'
counts of strategies (a heuristic payoff table), since they are interchangeable; where there are too many of them,
`full_profile` maps the profiles of a smaller game to those to be played (deviation-preserving reduction, Wiedenbeck
and Wellman 2012).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from marl_market.market.validation import require

Mixture = NDArray[np.float64]
"""Probabilities of strategies."""


@dataclass(frozen=True)
class Game:
    """A game in normal form.

    Attributes:
        payoffs: (players, strategies of the first player, ..., strategies of the last).
    """

    payoffs: NDArray[np.float64]

    def __post_init__(self) -> None:
        payoffs = np.asarray(self.payoffs, np.float64)
        players = payoffs.ndim - 1
        require(players >= 1 and len(payoffs) == players, "payoffs", payoffs.shape, "(players, one axis for each)")
        require(bool(np.isfinite(payoffs).all()), "payoffs", "not finite", "finite numbers")
        object.__setattr__(self, "payoffs", payoffs)

    @property
    def players(self) -> int:
        """Return the number of players."""
        return len(self.payoffs)

    @property
    def strategies(self) -> tuple[int, ...]:
        """Return the number of strategies of each player."""
        return self.payoffs.shape[1:]

    def deviation_payoffs(self, profile: Sequence[Mixture]) -> list[NDArray[np.float64]]:
        """Return the expected payoff of each strategy of each player, while the others play their mixtures."""
        found = []
        for player, payoffs in enumerate(self.payoffs):
            rest = payoffs
            for other in reversed(range(self.players)):
                if other != player:
                    rest = np.tensordot(rest, profile[other], axes=(other, 0))
            found.append(rest)
        return found

    def regrets(self, profile: Sequence[Mixture]) -> NDArray[np.float64]:
        """Return what each player would gain by its best deviation (players,)."""
        deviations = self.deviation_payoffs(profile)
        gains = [each.max() - each @ own for each, own in zip(deviations, profile, strict=True)]
        return np.array(gains)

    def nash_conv(self, profile: Sequence[Mixture]) -> float:
        """Return the sum of all regrets, zero in a Nash equilibrium alone."""
        return float(self.regrets(profile).sum())


@dataclass(frozen=True)
class SymmetricGame:
    """A game whose players have the same strategies and payoffs.

    Attributes:
        counts: players of each strategy in each profile (profiles, strategies); every profile of the game once.
        payoffs: of each strategy in each profile, of the same shape; anything where no player has it.
    """

    counts: NDArray[np.int64]
    payoffs: NDArray[np.float64]

    def __post_init__(self) -> None:
        counts, payoffs = np.asarray(self.counts, np.int64), np.asarray(self.payoffs, np.float64)
        require(
            counts.ndim == 2 and counts.shape == payoffs.shape, "payoffs", payoffs.shape, f"of shape {counts.shape}"
        )
        players = counts.sum(axis=1)
        require(bool((players == players[0]).all()), "counts", players.tolist(), "profiles of as many players each")
        missing = math.comb(int(players[0]) + counts.shape[1] - 1, int(players[0])) - len(np.unique(counts, axis=0))
        require(missing == 0 and len(np.unique(counts, axis=0)) == len(counts), "counts", len(counts), "all profiles")
        payoffs = np.where(counts > 0, payoffs, 0.0)
        require(bool(np.isfinite(payoffs).all()), "payoffs", "not finite", "finite numbers where a strategy is played")
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "payoffs", payoffs)

    @classmethod
    def from_matrix(cls, matrix: ArrayLike) -> SymmetricGame:
        """Return the game of two players in which the row earns `matrix[row, column]`."""
        payoff = np.asarray(matrix, np.float64)
        counts = profiles(2, len(payoff))
        found = np.zeros(counts.shape)
        for index, (first, second) in enumerate(combinations_with_replacement(range(len(payoff)), 2)):
            found[index, first], found[index, second] = payoff[first, second], payoff[second, first]
        return cls(counts, found)

    @property
    def players(self) -> int:
        """Return the number of players."""
        return int(self.counts[0].sum())

    @property
    def strategies(self) -> int:
        """Return the number of strategies."""
        return self.counts.shape[1]

    def deviation_payoffs(self, mixture: Mixture) -> NDArray[np.float64]:
        """Return the expected payoff of each strategy while all others play the mixture (strategies,)."""
        return np.asarray((self.opponent_probabilities(mixture) * self.payoffs).sum(axis=0))

    def opponent_probabilities(self, mixture: Mixture) -> NDArray[np.float64]:
        """Return the probability, for each strategy, that the others complete each profile (profiles, strategies)."""
        with np.errstate(divide="ignore"):
            log = np.log(np.asarray(mixture, np.float64))
        others = self.counts[:, None, :] - np.eye(self.strategies, dtype=np.int64)[None]
        valid = self.counts > 0
        ways = gammaln(self.players) - gammaln(np.maximum(others, 0) + 1).sum(axis=-1)
        weighted = np.where(others > 0, others * np.where(others > 0, log, 0.0), 0.0).sum(axis=-1)
        return np.where(valid, np.exp(np.where(valid, ways + weighted, -np.inf)), 0.0)

    def regret(self, mixture: Mixture) -> float:
        """Return what a player would gain by its best deviation from a mixture that all play."""
        deviations = self.deviation_payoffs(mixture)
        return float(deviations.max() - deviations @ mixture)


def profiles(players: int, strategies: int) -> NDArray[np.int64]:
    """Return the counts of all profiles of a symmetric game (profiles, strategies)."""
    chosen = list(combinations_with_replacement(range(strategies), players))
    counts = np.zeros((len(chosen), strategies), np.int64)
    for index, each in enumerate(chosen):
        np.add.at(counts[index], list(each), 1)
    return counts


def full_profile(counts: NDArray[np.int64], strategy: int, players: int) -> NDArray[np.int64]:
    """Return the profile of a game of `players` that stands for a reduced one, seen by a player of `strategy`.

    That player stands for itself, each other one of the k players for (players - 1) / (k - 1) of the full game. Raises
    ValueError where that is no whole number, and where no player has the strategy.
    """
    reduced = int(counts.sum())
    require(counts[strategy] > 0, "strategy", strategy, "one that is played in the profile")
    whole = reduced > 1 and (players - 1) % (reduced - 1) == 0
    require(whole or players == reduced == 1, "players", players, f"1 + a multiple of {max(reduced - 1, 1)}")
    own = np.zeros_like(counts)
    own[strategy] = 1
    return np.asarray(own + (counts - own) * ((players - 1) // max(reduced - 1, 1)))
