"""Which sessions an environment plays that is reset again and again: one after another, all from one seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Sessions:
    """The seeds of session after session, in each of several markets on its own."""

    def __init__(self, markets: int) -> None:
        """Begin anywhere: until `begin` is called, no two objects go the same way."""
        self._sources = [np.random.SeedSequence() for _ in range(markets)]

    def begin(self, seeds: Sequence[int]) -> None:
        """Begin anew, market i from `seeds[i]`."""
        self._sources = [np.random.SeedSequence(seed) for seed in seeds]

    def following(self) -> list[int]:
        """Return what `BatchMarket.reset` takes for the session that follows, one seed for each market."""
        return [int(source.spawn(1)[0].generate_state(1, np.uint64)[0]) for source in self._sources]
