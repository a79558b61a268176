"""Novelty search: candidates are rewarded for behavior unlike that of earlier ones."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marl_market.agents.evolution.strategies import Behavior, OpenAIES, StrategyState, centered_ranks
from marl_market.market.validation import require_field


@dataclass(frozen=True, eq=False)
class NoveltyState:
    """The state of a search.

    Attributes:
        search: state of the climber.
        archive: behaviors of past generations, oldest first, (kept, numbers).
    """

    search: StrategyState
    archive: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Return the mean of the search distribution, (parameters,)."""
        return self.search.mean

    @property
    def seed(self) -> int:
        """Return the seed of all noise."""
        return self.search.seed


@dataclass(frozen=True)
class NoveltySearch:
    """Climb by a mean of the ranks of fitness and of novelty (Conti et al. 2018, arXiv:1712.06560, NSR-ES).

    The novelty of a behavior is its mean distance to its nearest neighbors in the archive and in its own generation
    (Lehman and Stanley 2011, Evolutionary Computation 19). The archive gets the mean behavior of each generation.

    Attributes:
        climber: strategy that climbs the mean of ranks.
        novelty: weight of novelty, from 0 (fitness alone) to 1 (novelty alone).
        neighbors: number of neighbors that a distance is averaged over.
        archive: size of the archive.
    """

    climber: OpenAIES = field(default_factory=OpenAIES)
    novelty: float = 0.5
    neighbors: int = 10
    archive: int = 500

    def __post_init__(self) -> None:
        require_field(self, "novelty", 0 <= self.novelty <= 1, "in [0, 1]")
        for name in ("neighbors", "archive"):
            require_field(self, name, getattr(self, name) >= 1, "1 or more")

    def initial(self, mean: ArrayLike, seed: int) -> NoveltyState:
        """Return the state of a search that starts at `mean` (parameters,)."""
        return NoveltyState(self.climber.initial(mean, seed), np.zeros((0, 0)))

    def ask(self, state: NoveltyState, candidates: int) -> NDArray[np.float32]:
        """Return the candidates (candidates, parameters) of this generation."""
        return self.climber.ask(state.search, candidates)

    def tell(self, state: NoveltyState, fitness: ArrayLike, behavior: Behavior | None = None) -> NoveltyState:
        """Return the state after the candidates of `ask` have scored `fitness` with `behavior`.

        Raises ValueError without a behavior, or for one that is not finite.
        """
        if behavior is None or not np.isfinite(behavior).all():
            raise ValueError(f"behavior is {behavior}; novelty needs finite numbers for each candidate")
        done = np.asarray(behavior, np.float64)
        archive = state.archive.reshape(-1, done.shape[1])
        ranks = (1 - self.novelty) * centered_ranks(fitness) + self.novelty * centered_ranks(
            novelty_of(done, archive, self.neighbors)
        )
        kept = np.concatenate([archive, done.mean(axis=0, keepdims=True)])[-self.archive :]
        return NoveltyState(self.climber.tell(state.search, ranks), kept)


def novelty_of(behavior: NDArray[np.float64], archive: NDArray[np.float64], neighbors: int) -> NDArray[np.float64]:
    """Return the mean distance (candidates,) of each behavior to its nearest `neighbors`, or to all if there are fewer.

    Args:
        behavior: (candidates, numbers).
        archive: (kept, numbers).
        neighbors: one or more.
    """
    others = np.concatenate([behavior, archive])
    distance = np.linalg.norm(behavior[:, None, :] - others[None, :, :], axis=2)
    nearest = np.sort(distance, axis=1)[:, 1 : neighbors + 1]  # the nearest one is the candidate itself
    return nearest.mean(axis=1)
