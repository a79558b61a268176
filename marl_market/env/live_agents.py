"""The live agents of a market, and the rewards pending for agents that sleep."""

from __future__ import annotations

import numpy as np

from marl_market.env.batch_market import BatchMarket, Step


class LiveAgents:
    """Track the external seats of the first market of a batch between two returned results.

    All arrays are of the external seats, (E,).

    Attributes:
        live: bool, present at the last results or arrived since.
        terminated: bool, departed since.
        active: bool, acts in the next step.
        reward: float64, sum since it last acted.
        elapsed: int64, steps since it last acted.
    """

    def __init__(self, batch: BatchMarket) -> None:
        """Track the external seats of `batch`."""
        self._batch = batch
        self._seats = batch.external
        self._full = np.ones((1, batch.environment.seats), np.bool_).tobytes()
        self._sleeps = batch.environment.timing.choices > 0
        seats = batch.external.size
        self.live, self.terminated, self.active = np.zeros((3, seats), np.bool_)
        self.reward, self.elapsed = np.zeros(seats), np.zeros(seats, np.int64)

    def open(self) -> None:
        """Begin a session with the market as its reset has left it."""
        self.live = self._present()
        self.terminated[:] = False
        self.active = self._batch.active[0, self._seats]
        self.reward[:] = 0.0
        self.elapsed[:] = 0

    def is_full(self) -> bool:
        """Return whether every seat of the market acts next and agents never sleep, so that no reward is pending."""
        return not self._sleeps and self._batch.active.tobytes() == self._full

    def update(self, step: Step) -> None:
        """Add the rewards, terminations and arrivals of a step."""
        self.reward += step.reward[0, self._seats]
        self.elapsed += self.live & ~self.terminated
        self.terminated |= step.terminated[0, self._seats]
        self.live |= self._present()
        self.active = step.active[0, self._seats]

    def clear_results(self) -> None:
        """Clear the results of active and of terminated agents, which have been returned."""
        self.live &= ~self.terminated
        self.reward[self.active | self.terminated] = 0.0
        self.elapsed[self.active | self.terminated] = 0
        self.terminated[:] = False

    def _present(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        return self._batch.markets["seat"]["present"][0, self._seats] == 1
