"""What an auxiliary head foretells; each target is one file beside this one and one yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.interfaces import Floats
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.market.validation import require


class AuxiliaryTask(Protocol):
    """Something that the market shows later, foretold at each decision.

    The market is watched while a session is sampled and the target is worked out behind it. Both are for learning
    only: no policy sees them, so that a target may tell what no trader could know. Of several instruments the first is
    inputs.

    Attributes:
        horizon: how many steps ahead the target looks.
        weight: of its loss, beside the loss of the algorithm.
    """

    @property
    def horizon(self) -> int: ...
    @property
    def weight(self) -> float: ...

    def classes(self, environment: EnvironmentSpec) -> int:
        """Return among how many classes the target is one; 0 for a target of numbers."""

    def numbers(self, environment: EnvironmentSpec) -> int:
        """Return how many numbers the target has; 1 for a class, which is told by its number."""

    def record_inputs(self, batch: BatchMarket, seats: slice) -> NDArray[Any]:
        """Return what is to be kept of this moment, before a decision, for each seat of a group.

        It has the shape (markets, seats, N), or one that broadcasts to it.
        """

    def targets(self, inputs: Floats, environment: EnvironmentSpec, group: str) -> Floats:
        """Return the target of each decision, (T, R, numbers), from what was watched before each, (T, R, N).

        It is NaN where the session did not go on long enough to tell.
        """


@dataclass(frozen=True)
class Head:
    """What a module needs to know of a target.

    Attributes:
        outputs: numbers, or classes to be scored.
        scores: whether the outputs are scores of classes.
        weight: of the loss.
    """

    outputs: int
    scores: bool
    weight: float


def head_of(target: AuxiliaryTask, environment: EnvironmentSpec) -> Head:
    """Return what a module needs to know of `target`."""
    classes = target.classes(environment)
    return Head(classes or target.numbers(environment), classes > 0, target.weight)


def heads_of(targets: Mapping[str, AuxiliaryTask], environment: EnvironmentSpec) -> dict[str, Head]:
    """Return what a module needs to know of each of `targets`."""
    return {name: head_of(target, environment) for name, target in targets.items()}


@dataclass(frozen=True)
class Ahead:
    """How far a target looks ahead, and how much it counts.

    Attributes:
        horizon: steps.
        weight: of its loss.
    """

    horizon: int = 5
    weight: float = 0.1

    def __post_init__(self) -> None:
        name = type(self).__name__
        whole = isinstance(self.horizon, int) and self.horizon >= 1
        require(whole, f"auxiliary {name}.horizon", self.horizon, "a whole number of steps, 1 or more")
        require(self.weight >= 0, f"auxiliary {name}.weight", self.weight, "zero or more")

    def classes(self, environment: EnvironmentSpec) -> int:
        """Return 0: the target is a number."""
        return 0

    def numbers(self, environment: EnvironmentSpec) -> int:
        """Return 1."""
        return 1


def change_ahead(values: Floats, horizon: int) -> Floats:
    """Return how much `values` (T, ...) change within `horizon` steps of each, NaN where they end before."""
    change = np.full_like(values, np.nan, dtype=np.float32)
    change[:-horizon] = values[horizon:] - values[:-horizon]
    return change


def by_seat(values: NDArray[Any], seats: slice) -> NDArray[Any]:
    """Return what is alike for all seats of a market, (markets,) or (markets, N), as (markets, seats, N)."""
    count = seats.stop - seats.start
    columns = values.reshape(len(values), 1, -1)
    return np.broadcast_to(columns, (len(values), count, columns.shape[-1]))


def group_of_seats(environment: EnvironmentSpec) -> Sequence[int]:
    """Return the number of the group that each seat belongs to."""
    return [number for number, group in enumerate(environment.groups) for _ in range(group.count)]
