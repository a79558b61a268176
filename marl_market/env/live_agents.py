"""The live agents of a market, the rewards pending for agents that sleep, and the status of seats in every market."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.env.step.outputs import Step


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

    def __deepcopy__(self, memo: dict[int, Any]) -> LiveAgents:
        return copied(self, memo, ("live", "terminated", "active", "reward", "elapsed"))

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


class SeatStatus:
    """Track which seats of the markets of a batch are in their market, act, and how long ago they last acted.

    Attributes, all (markets, seats) of the tracked seats:
        alive: bool, in the market after the last step.
        acts: bool, in the market and awake: its next action is played.
        arrived: bool, has been in the market in this session.
        terminated: bool, departed in the last step.
        elapsed: int64, steps since it last acted, the last one included; 0 where it has not been in the market in the
            last step.

    None of them is written again. Where all seats act, as in most markets, a step costs one comparison.

    Attributes:
        full: whether all seats act.
    """

    def __init__(self, batch: BatchMarket, seats: slice | NDArray[np.int64]) -> None:
        """Track `seats` of `batch`, none of which is in its market before a session."""
        self._batch, self._seats = batch, seats
        shape = (batch.markets.size, batch.active[:1, seats].shape[1])
        self.alive, self.acts, self.arrived, self.terminated = np.zeros((4, *shape), np.bool_)
        self.elapsed, self.full = np.zeros(shape, np.int64), False
        self._all, self._none, self._one = np.ones(shape, np.bool_), np.zeros(shape, np.bool_), np.ones(shape, np.int64)
        self._full_bytes = self._all.tobytes()

    def open(self) -> None:
        """Begin a session with the markets as their reset has left them."""
        self._read()
        self.arrived, self.terminated = self.alive.copy(), np.zeros_like(self.alive)
        self.elapsed = np.zeros_like(self.elapsed)

    def update(self, step: Step) -> None:
        """Take over a step."""
        alive, acts, was_full = self.alive, self.acts, self.full
        self._read()
        if was_full and self.full:
            self.terminated, self.elapsed = self._none, self._one
            return
        self.terminated = step.terminated[:, self._seats].copy()
        self.elapsed = np.where(acts, 1, (self.elapsed + 1) * alive)
        self.arrived = self.arrived | self.alive

    def __deepcopy__(self, memo: dict[int, Any]) -> SeatStatus:
        return copied(self, memo, ())  # its arrays are replaced and never written to

    def awaits_arrival(self) -> bool:
        """Return whether no seat is in its market but one will arrive."""
        return not (self.full or self.alive.any()) and bool(self._arrives().any())

    def is_over(self) -> bool:
        """Return whether no seat is in its market or will arrive."""
        return not (self.full or self.alive.any() or self._arrives().any())

    def _arrives(self) -> NDArray[np.bool_]:
        """Return whether a seat arrives later in the session."""
        markets = self._batch.markets
        arrival, step = markets["seat"]["arrival_step"][:, self._seats], markets["public"]["step"][:, None]
        return (arrival > step) & (arrival < self._batch.environment.spec.clock.session_steps)

    def _read(self) -> None:
        acts = self._batch.active[:, self._seats]
        self.full = acts.tobytes() == self._full_bytes
        if self.full:
            self.alive = self.acts = self._all
        else:
            self.acts = acts.copy()
            self.alive = self._batch.markets["seat"]["present"][:, self._seats] == 1


Tracker = TypeVar("Tracker", LiveAgents, SeatStatus)


def copied(tracker: Tracker, memo: dict[int, Any], names: Sequence[str]) -> Tracker:
    """Return a copy with the arrays `names` of its own, and the batch of `memo`."""
    other = object.__new__(type(tracker))
    other.__dict__.update(tracker.__dict__)
    other._batch = memo.get(id(tracker._batch), tracker._batch)
    for name in names:
        setattr(other, name, getattr(tracker, name).copy())
    return other
