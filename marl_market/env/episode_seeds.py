"""Seeds of the episodes of an environment that is reset again and again: one after another, all from one seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class EpisodeSeeds:
    """The seeds of episode after episode, one sequence for each market."""

    def __init__(self, markets: int) -> None:
        """Begin with random entropy: before `begin`, no two objects return the same seeds."""
        self._sources = [np.random.SeedSequence() for _ in range(markets)]

    def begin(self, seeds: Sequence[int]) -> None:
        """Restart the sequences, market i from `seeds[i]`."""
        self._sources = [np.random.SeedSequence(seed) for seed in seeds]

    def next_seeds(self) -> list[int]:
        """Return the seeds of the next episode for `BatchMarket.reset`, one for each market."""
        return [int(source.spawn(1)[0].generate_state(1, np.uint64)[0]) for source in self._sources]
