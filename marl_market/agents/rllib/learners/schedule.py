"""Settings that change over a run: a number, or a list of points between which a setting changes linearly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from marl_market.market.validation import is_number

ScheduledValue = float | Sequence[Sequence[float]]
"""A number for the whole run, or a list of [place, value] as in RLlib's schedules, see `Schedule`."""

FORM = "or a list of [place, value], places from 0 on: environment steps, or fractions of the run where none exceeds 1"


@dataclass(frozen=True)
class Schedule:
    """A piecewise linear function of the progress of a run; constant before the first and behind the last point.

    Attributes:
        points: pairs of a place and the value there. Places are environment steps, of all markets together as in the
            metric `env_steps`, or fractions of the run if the last of them is 1 or less.
    """

    points: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, value: ScheduledValue) -> Schedule:
        """Return the schedule of a config value."""
        if isinstance(value, Sequence):
            return cls(tuple((float(place), float(level)) for place, level in value))
        return cls(((0.0, float(value)),))

    @property
    def initial(self) -> float:
        """Return the value at the beginning of the run."""
        return self.points[0][1]

    @property
    def varies(self) -> bool:
        """Return whether there is more than one point."""
        return len(self.points) > 1

    @property
    def needs_run(self) -> bool:
        """Return whether its places are fractions of a run, whose length must be known."""
        return self.varies and self.points[-1][0] <= 1

    def value(self, env_steps: int, run_steps: int | None) -> float:
        """Return the value after `env_steps` of a run of `run_steps`.

        Raises RuntimeError for fractions of a run of unknown length.
        """
        place = float(env_steps)
        if self.needs_run:
            if run_steps is None:
                raise RuntimeError(
                    f"the schedule {list(map(list, self.points))} is over fractions of a run of unknown length: call "
                    "begin_run before learn, or give places in environment steps"
                )
            place /= run_steps
        places, values = zip(*self.points, strict=True)
        return float(np.interp(place, places, values))


def is_schedule(value: object, contains: Callable[[float], bool]) -> bool:
    """Return whether `value` is a number that `contains` allows, or a list of points with such values."""
    if is_number(value):
        return contains(value)  # type: ignore[arg-type]  # it is a number
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) < 2:
        return False
    if not all(isinstance(point, Sequence) and len(point) == 2 and all(map(is_number, point)) for point in value):
        return False
    places = [point[0] for point in value]
    ascending = all(before < after for before, after in pairwise(places))
    return places[0] == 0 and ascending and all(contains(point[1]) for point in value)
