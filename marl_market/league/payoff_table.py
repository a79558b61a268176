"""Payoffs of the profiles of an empirical symmetric game, session by session.

All profiles are played on the same sessions (common random numbers), so that a resample of sessions resamples all
payoffs together, and the interval of a difference does not count what they have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.league.game import SymmetricGame
from marl_market.market.seeding import Stream, generator
from marl_market.market.validation import require

RESAMPLES = 200
CONFIDENCE = 0.95


@dataclass(frozen=True)
class PayoffTable:
    """Payoffs of every profile of a symmetric game.

    Attributes:
        strategies: names.
        counts: players of each strategy in each profile (profiles, strategies).
        payoffs: of a player of each strategy in each session (profiles, strategies, sessions), not a number where
            no player has it.
    """

    strategies: Sequence[str]
    counts: NDArray[np.int64]
    payoffs: NDArray[np.float64]

    def __post_init__(self) -> None:
        wanted = (*self.counts.shape, self.payoffs.shape[-1])
        require(self.payoffs.shape == wanted, "payoffs", self.payoffs.shape, f"of shape {wanted}")
        require(len(self.strategies) == self.counts.shape[1], "strategies", len(self.strategies), "one a column")
        require(self.payoffs.shape[-1] >= 2, "sessions", self.payoffs.shape[-1], "two or more")

    @property
    def players(self) -> int:
        """Return the number of players."""
        return int(self.counts[0].sum())

    @property
    def sessions(self) -> int:
        """Return the number of sessions of each profile."""
        return self.payoffs.shape[-1]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Return the mean payoffs (profiles, strategies)."""
        return np.asarray(self.payoffs.mean(axis=-1))

    @property
    def standard_error(self) -> NDArray[np.float64]:
        """Return the standard errors of the means over sessions (profiles, strategies)."""
        return np.asarray(self.payoffs.std(axis=-1, ddof=1) / np.sqrt(self.sessions))

    def game(self, weights: NDArray[np.float64] | None = None) -> SymmetricGame:
        """Return the game of the mean payoffs, of the sessions by their `weights` (sessions,) if given."""
        mean = self.mean if weights is None else self.payoffs @ weights
        return SymmetricGame(self.counts, np.where(self.counts > 0, mean, 0.0))

    def matrix(self) -> NDArray[np.float64]:
        """Return the payoff of each strategy (rows) in seat one against each other (columns), of two players."""
        require(self.players == 2, "players", self.players, "2 for a matrix")
        size, mean = len(self.strategies), self.mean
        found = np.empty((size, size))
        for counts, payoffs in zip(self.counts, mean, strict=True):
            played = np.flatnonzero(counts)
            first, second = played[0], played[-1]
            found[first, second], found[second, first] = payoffs[first], payoffs[second]
        return found

    def interval(
        self, statistic: Callable[[SymmetricGame], NDArray[np.float64]], confidence: float = CONFIDENCE
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return both ends of the interval of a statistic of the game, by a bootstrap over sessions."""
        random = generator(0, Stream.BOOTSTRAP, 2)
        weights = random.multinomial(self.sessions, np.full(self.sessions, 1 / self.sessions), RESAMPLES)
        values = np.array([statistic(self.game(each / self.sessions)) for each in weights])
        low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
        return low, high
