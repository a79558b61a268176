"""The seeds of consecutive sessions of an environment, all from the seed of one reset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from marl_market.market.seeding import Stream, derive_keys, fresh_seed
from marl_market.market.validation import is_whole, require


class EpisodeSeeds:
    """The seeds of session after session, independent in each market."""

    def __init__(self, markets: int) -> None:
        """Begin with fresh entropy: until `begin` is called, no two objects give the same seeds."""
        self.begin([fresh_seed() for _ in range(markets)])

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        seeds = object.__new__(type(self))
        seeds.__dict__.update(self.__dict__)
        return seeds

    def begin(self, seeds: Sequence[int]) -> None:
        """Begin anew, market i from `seeds[i]`; raises ConfigError for one that is not a whole number, 0 or more."""
        for seed in seeds:
            require(is_whole(seed, 0), "seed", seed, "a whole number, 0 or more")
        self._seeds, self._session = [int(seed) for seed in seeds], 0

    def next_seeds(self) -> list[int]:
        """Return the seeds of the next session, one a market, as `BatchMarket.reset` takes them."""
        seeds = [int(derive_keys(seed, Stream.EPISODE, self._session, count=1)[0]) for seed in self._seeds]
        self._session += 1
        return seeds
