"""The auxiliary task of a head; each task is one file beside this one and one yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.rollout import Floats
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.market.validation import require


class AuxiliaryTask(Protocol):
    """The prediction, at each decision, of a number or class that the market reveals later.

    Its inputs are recorded from the market while a session is sampled, and the targets are computed from them
    afterwards. Both are for learning only and no policy observes them, so that a target may be privileged. Of several
    instruments the first is recorded.

    Attributes:
        horizon: steps between prediction and target.
        weight: of its loss, beside the loss of the algorithm.
    """

    @property
    def horizon(self) -> int: ...
    @property
    def weight(self) -> float: ...

    def classes(self, environment: EnvironmentSpec) -> int:
        """Return the number of classes of the target; 0 for a target of numbers."""

    def numbers(self, environment: EnvironmentSpec) -> int:
        """Return the number of numbers of the target; 1 for a class, which is its index."""

    def record_inputs(self, batch: BatchMarket, seats: slice) -> NDArray[Any]:
        """Return the inputs at this moment, before a decision, for each seat of a group.

        The shape is (markets, seats, N), or one that broadcasts to it.
        """

    def targets(self, inputs: Floats, environment: EnvironmentSpec, group: str) -> Floats:
        """Return the target of each decision, (T, R, numbers), from the inputs before each, (T, R, N).

        It is NaN where the session closes within the horizon.
        """


@dataclass(frozen=True)
class Head:
    """The network head of a task.

    Attributes:
        outputs: number of numbers, or of classes.
        scores: whether the outputs are scores of classes.
        weight: of the loss.
    """

    outputs: int
    scores: bool
    weight: float


def head_of(task: AuxiliaryTask, environment: EnvironmentSpec) -> Head:
    """Return the head of a task."""
    classes = task.classes(environment)
    return Head(classes or task.numbers(environment), classes > 0, task.weight)


def heads_of(tasks: Mapping[str, AuxiliaryTask], environment: EnvironmentSpec) -> dict[str, Head]:
    """Return the head of each of `tasks`."""
    return {name: head_of(task, environment) for name, task in tasks.items()}


@dataclass(frozen=True)
class HorizonTask:
    """The fields of a task that predicts some steps ahead; by default its target is one number.

    Attributes:
        horizon: steps between prediction and target.
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
    """Return the change of `values` (T, ...) within `horizon` steps of each, NaN where they end before."""
    change = np.full_like(values, np.nan, dtype=np.float32)
    change[:-horizon] = values[horizon:] - values[:-horizon]
    return change


def broadcast_to_seats(values: NDArray[Any], seats: slice) -> NDArray[Any]:
    """Return the values of markets, (markets,) or (markets, N), as those of their seats, (markets, seats, N)."""
    count = seats.stop - seats.start
    columns = values.reshape(len(values), 1, -1)
    return np.broadcast_to(columns, (len(values), count, columns.shape[-1]))


def group_of_seats(environment: EnvironmentSpec) -> Sequence[int]:
    """Return the index of the group of each seat."""
    return [index for index, group in enumerate(environment.groups) for _ in range(group.count)]
