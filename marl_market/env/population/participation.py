"""When the seats of a group come into the market and leave it.

All of it is drawn at the reset, from each seat's own random key: equal seeds give equal stays, whatever happens in the
market. A seat that is there at the open warms up as its agent does; one that comes later has never traded before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.compiled import compiled
from marl_market.exchange.random_streams import begin_stream, uniform
from marl_market.exchange.records import NEVER
from marl_market.market.validation import require

Steps = NDArray[np.float64]

STREAM = np.dtype([("random", np.uint64), ("random_key", np.uint64)], align=True)
BEFORE_ALL_STEPS = -(2**40)
"""The step of a seat's stream from which its stay is drawn: no step of any session."""


class StepDistribution(Protocol):
    """A law of when something happens."""

    def draw(self, uniform: Steps) -> Steps:
        """Return numbers of steps (markets, seats), from numbers drawn evenly from [0, 1)."""
        ...


@dataclass(frozen=True)
class Fixed:
    """The same in every session.

    Attributes:
        steps: of each seat of the group, or of all of them.
    """

    steps: int | Sequence[int] = 0

    def __post_init__(self) -> None:
        require(bool((np.asarray(self.steps) >= 0).all()), "presence steps", self.steps, "zero or more")

    def draw(self, uniform: Steps) -> Steps:
        """Return the given steps; raises ValueError where there are not as many as seats."""
        given, seats = np.size(self.steps), uniform.shape[1]
        require(given in (1, seats), "presence steps", self.steps, f"one number, or one for each of {seats} seats")
        return np.broadcast_to(np.asarray(self.steps, np.float64), uniform.shape)


@dataclass(frozen=True)
class Uniform:
    """Any whole number of steps from `first` to `last`, one as likely as the other."""

    first: int = 0
    last: int = 100

    def __post_init__(self) -> None:
        require(0 <= self.first <= self.last, "presence first", self.first, f"zero or more, up to last, {self.last}")

    def draw(self, uniform: Steps) -> Steps:
        """Return a number for each seat."""
        return self.first + np.floor(uniform * (self.last - self.first + 1))


@dataclass(frozen=True)
class Exponential:
    """Exponentially distributed, each seat for itself.

    Attributes:
        mean_steps: mean of the distribution.
    """

    mean_steps: float = 100.0

    def __post_init__(self) -> None:
        require(self.mean_steps > 0, "presence mean_steps", self.mean_steps, "above zero")

    def draw(self, uniform: Steps) -> Steps:
        """Return a number for each seat."""
        return -self.mean_steps * np.log1p(-uniform)


@dataclass(frozen=True)
class Poisson(Exponential):
    """The events of a Poisson process, one seat of the group after the other.

    Attributes:
        mean_steps: mean time between two events.
    """

    def draw(self, uniform: Steps) -> Steps:
        """Return when the event of each seat happens."""
        return super().draw(uniform).cumsum(axis=1)


@dataclass(frozen=True)
class Participation:
    """When a seat comes and how long it stays; it does not come back.

    In the step in which it leaves, its orders are canceled, after all commands of that step, and it gets its last
    reward and observation. Nothing is earned afterwards. What it still holds stays in its account, so its profit at
    the close, as its counterparties', counts it at the mark of the close.

    Attributes:
        join: when it comes, rounded down to whole steps; the first step of the session is 0. A seat whose draw lies
            beyond the session never comes.
        stay: how long it stays, rounded up, and one step at least; None: to the close.
        closes: whether what it holds is closed at market when it leaves, as far as the book goes and the venue trades
            continuously; else it is kept and valued at the mark.
    """

    arrival: StepDistribution = Fixed(0)
    duration: StepDistribution | None = None
    closes_position: bool = False


@compiled
def draw_uniforms(streams, drawn):  # type: ignore[no-untyped-def]
    """Draw two numbers from [0, 1) for each stream."""
    for i in range(streams.size):
        begin_stream(streams[i], BEFORE_ALL_STEPS)
        for j in range(2):
            drawn[i, j] = uniform(streams[i])


def write_participation(
    participation: Participation, keys: NDArray[np.unsignedinteger], seat: NDArray[np.void], session_steps: int
) -> None:
    """Draw the stays of a group from its random `keys` (markets, seats) and write them into its `seat` records."""
    streams, drawn = np.zeros(keys.size, STREAM), np.zeros((keys.size, 2))
    streams["random_key"] = keys.ravel()
    draw_uniforms(streams, drawn)
    arrival = np.floor(participation.arrival.draw(drawn[:, 0].reshape(keys.shape)))
    departure = np.full(keys.shape, float(NEVER))
    if participation.duration is not None:
        departure = arrival + np.maximum(1.0, np.ceil(participation.duration.draw(drawn[:, 1].reshape(keys.shape))))
    seat["arrival_step"] = np.where(arrival < session_steps, arrival, NEVER)
    seat["departure_step"] = np.minimum(departure, NEVER)
    seat["closes_position"] = participation.closes_position
