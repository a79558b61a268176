"""Participation: arrival and departure of the seats of a group.

Both are drawn at the reset, from each seat's own random key: equal seeds give equal participation, independent of the
market. A seat that is present at the open warms up as its agent does; one that arrives later has never traded before.
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
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

Steps = NDArray[np.float64]

STREAM = np.dtype([("random", np.uint64), ("random_key", np.uint64)], align=True)
BEFORE_ALL_STEPS = -(2**40)
"""The step of a seat's stream from which its participation is drawn: no step of any session."""


class StepDistribution(Protocol):
    """A distribution of numbers of steps."""

    def draw(self, uniform: Steps) -> Steps:
        """Return numbers of steps `(markets, seats)`, from uniform draws of [0, 1) of that shape."""
        ...


@dataclass(frozen=True)
class Fixed:
    """The same number in every session.

    Attributes:
        steps: one number of steps for each seat of the group, or one for all.
    """

    steps: int | Sequence[int] = 0

    def __post_init__(self) -> None:
        require(bool((np.asarray(self.steps) >= 0).all()), "participation steps", self.steps, "zero or more")

    def draw(self, uniform: Steps) -> Steps:
        """Return the given steps `(markets, seats)`; raises ValueError for another number of them than seats."""
        given, seats = np.size(self.steps), uniform.shape[1]
        require(given in (1, seats), "participation steps", self.steps, f"one number, or one for each of {seats} seats")
        return np.broadcast_to(np.asarray(self.steps, np.float64), uniform.shape)


@dataclass(frozen=True)
class Uniform:
    """Whole numbers of steps, uniform from `first` to `last`."""

    first: int = 0
    last: int = 100

    def __post_init__(self) -> None:
        require(
            0 <= self.first <= self.last, "participation first", self.first, f"zero or more, up to last, {self.last}"
        )

    def draw(self, uniform: Steps) -> Steps:
        """Return one draw for each seat `(markets, seats)`."""
        return self.first + np.floor(uniform * (self.last - self.first + 1))


@dataclass(frozen=True)
class Exponential:
    """Exponentially distributed, independent for each seat.

    Attributes:
        mean_steps: mean of the distribution.
    """

    mean_steps: float = 100.0

    def __post_init__(self) -> None:
        require(self.mean_steps > 0, "participation mean_steps", self.mean_steps, "above zero")

    def draw(self, uniform: Steps) -> Steps:
        """Return one draw for each seat `(markets, seats)`."""
        return -self.mean_steps * np.log1p(-uniform)


@dataclass(frozen=True)
class Poisson(Exponential):
    """The times of a Poisson process, one for each seat of the group in turn.

    Attributes:
        mean_steps: mean time between two events.
    """

    def draw(self, uniform: Steps) -> Steps:
        """Return the time of each seat `(markets, seats)`."""
        return super().draw(uniform).cumsum(axis=1)


@dataclass(frozen=True)
class Participation:
    """Arrival and departure of a seat, once in a session.

    In the step of its departure its orders are canceled, after all commands of that step, and it gets its last reward
    and observation; its rewards are zero afterwards. A position that it keeps stays in its account, so its profit at
    the close, as its counterparties', values it at the mark of the close.

    Attributes:
        arrival: step of the arrival, rounded down; the first step of the session is 0. A seat whose draw lies beyond
            the session never arrives.
        duration: steps from arrival to departure, rounded up, at least one; None: to the close.
        closes_position: whether its position is closed at market at the departure, as far as the book goes and the
            venue trades continuously; else it is kept and valued at the mark.
    """

    arrival: StepDistribution = Fixed(0)
    duration: StepDistribution | None = None
    closes_position: bool = False


@compiled
def draw_uniforms(streams, drawn):  # type: ignore[no-untyped-def]
    """Draw two uniform numbers of [0, 1) for each stream."""
    for i in range(streams.size):
        begin_stream(streams[i], BEFORE_ALL_STEPS)
        for j in range(2):
            drawn[i, j] = uniform(streams[i])


def write_participation(
    participation: Participation, keys: NDArray[np.unsignedinteger], seat: NDArray[np.void], spec: MarketSpec
) -> None:
    """Draw the participation of a group from its `keys` `(markets, seats)` and write it into its `seat` records."""
    streams, drawn = np.zeros(keys.size, STREAM), np.zeros((keys.size, 2))
    streams["random_key"] = keys.ravel()
    draw_uniforms(streams, drawn)
    arrival = np.floor(participation.arrival.draw(drawn[:, 0].reshape(keys.shape)))
    departure = np.full(keys.shape, float(NEVER))
    if participation.duration is not None:
        departure = arrival + np.maximum(1.0, np.ceil(participation.duration.draw(drawn[:, 1].reshape(keys.shape))))
    seat["arrival_step"] = np.where(arrival < spec.session_steps, spec.substeps * arrival, NEVER)
    seat["departure_step"] = np.minimum(spec.substeps * departure, NEVER)
    seat["closes_position"] = participation.closes_position
