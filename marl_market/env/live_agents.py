"""Who of a market's agents is there and decides next, and what is owed to those who are not asked."""

from __future__ import annotations

import numpy as np

from marl_market.env.batch_market import BatchMarket, Step


class LiveAgents:
    """Keep account of the external seats of the first market of a batch between two hand-outs.

    All arrays are of the external seats, (E,).

    Attributes:
        met: bool, was there at the last hand-out or has come since.
        left: bool, has left since.
        acts: bool, decides next.
        reward: float64, sum since it last decided.
        elapsed: int64, steps since it last decided.
    """

    def __init__(self, batch: BatchMarket) -> None:
        """Follow `batch`."""
        self._batch = batch
        self._seats = batch.external
        self._full = np.ones((1, batch.environment.seats), np.bool_).tobytes()
        self._sleeps = batch.environment.timing.choices > 0
        seats = batch.external.size
        self.seen, self.left, self.active = np.zeros((3, seats), np.bool_)
        self.reward, self.elapsed = np.zeros(seats), np.zeros(seats, np.int64)

    def open(self) -> None:
        """Begin with the market as its reset has left it."""
        self.seen = self._present()
        self.left[:] = False
        self.active = self._batch.active[0, self._seats]
        self.reward[:] = 0.0
        self.elapsed[:] = 0

    def is_full(self) -> bool:
        """Return whether every seat of the market decides next and no agent ever sleeps, so that nothing is owed."""
        return not self._sleeps and self._batch.active.tobytes() == self._full

    def update(self, step: Step) -> None:
        """Take over what a step has brought."""
        self.reward += step.reward[0, self._seats]
        self.elapsed += self.seen & ~self.left
        self.left |= step.terminated[0, self._seats]
        self.seen |= self._present()
        self.active = step.active[0, self._seats]

    def emit_results(self) -> None:
        """Forget what has been handed out to those who decide next and to those who have left."""
        self.seen &= ~self.left
        self.reward[self.active | self.left] = 0.0
        self.elapsed[self.active | self.left] = 0
        self.left[:] = False

    def _present(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        return self._batch.markets["seat"]["present"][0, self._seats] == 1
