"""Plays points of the search: sessions of the same seeds for every point, in this process or on a cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from marl_market.calibration.search.description import Describe, Description, Simulate, pooled
from marl_market.calibration.search.moments import Target

BROKEN = (ValueError, ArithmeticError, IndexError)
"""Errors of a market that fell apart, or that lacks what is measured; others are faults of the program."""


@dataclass(frozen=True)
class Evaluation:
    """What a point showed.

    Attributes:
        objective: J; None where a session failed.
        moments: mean moments over the sessions; empty where one failed.
        distances: Kolmogorov-Smirnov distance of each pooled sample from the data.
        seconds: time it took.
        failure: why a session failed; empty where none did.
    """

    objective: float | None
    moments: Sequence[float]
    distances: Mapping[str, float]
    seconds: float
    failure: str = ""


@dataclass(frozen=True)
class Problem:
    """What a point is evaluated by.

    Attributes:
        simulate: plays parameters.
        describe: measures a session.
        target: what the sessions should match.
        seconds: length of a session.
    """

    simulate: Simulate
    describe: Describe
    target: Target
    seconds: float

    def descriptions(self, parameters: Mapping[str, float], seeds: Sequence[int]) -> list[Description]:
        """Return what the session of each seed shows."""
        return [self.describe(self.simulate(parameters, seed, self.seconds)) for seed in seeds]

    def evaluate(self, parameters: Mapping[str, float], seeds: Sequence[int]) -> Evaluation:
        """Play a point and return what it showed; a market that falls apart is a failed evaluation."""
        began = time.perf_counter()
        try:
            described = self.descriptions(parameters, seeds)
            each = np.array([self.target.moments(one) for one in described])
            if not np.isfinite(each).all():
                missing = np.array(self.target.names)[~np.isfinite(each).all(0)]
                raise ValueError(f"the sessions do not tell {', '.join(missing[:5])}")
            moments = each.mean(0)
            distances = self.target.distances(pooled(described))
        except BROKEN as error:
            return Evaluation(None, (), {}, time.perf_counter() - began, str(error) or type(error).__name__)
        objective = float(self.target.objective(moments))
        return Evaluation(objective, moments.tolist(), distances, time.perf_counter() - began)


class Evaluator(Protocol):
    """Evaluates `width` points at once."""

    width: int

    def evaluate(
        self, problem: Problem, points: Sequence[Mapping[str, float]], seeds: Sequence[int]
    ) -> list[Evaluation]:
        """Return the evaluation of each point, all with sessions of the same seeds (common random numbers)."""


class LocalEvaluator:
    """Evaluates in this process."""

    width = 1

    def evaluate(
        self, problem: Problem, points: Sequence[Mapping[str, float]], seeds: Sequence[int]
    ) -> list[Evaluation]:
        """Return the evaluation of each point."""
        return [problem.evaluate(each, seeds) for each in points]


class PointWorker:
    """The worker of one of the points that are evaluated at once."""

    def __init__(self, index: int) -> None:
        self._index = index

    def evaluate(
        self, problem: Problem, points: Sequence[Mapping[str, float]], seeds: Sequence[int]
    ) -> Evaluation | None:
        """Return the evaluation of its own point, None where there are fewer points."""
        return problem.evaluate(points[self._index], seeds) if self._index < len(points) else None


class ClusterEvaluator:
    """Evaluates one point a worker of a cluster at once."""

    def __init__(self, pool: Any, width: int) -> None:
        self._pool, self.width = pool, width

    def evaluate(
        self, problem: Problem, points: Sequence[Mapping[str, float]], seeds: Sequence[int]
    ) -> list[Evaluation]:
        """Return the evaluation of each point."""
        answers: list[Evaluation] = []
        for first in range(0, len(points), self.width):
            answers += self._pool.call("evaluate", problem, points[first : first + self.width], seeds)
        return answers[: len(points)]


@contextmanager
def evaluator(workers: int, address: str = "local") -> Iterator[Evaluator]:
    """Yield what evaluates points: this process for 0 workers, else workers of a cluster, see `WorkerPool`."""
    if workers == 0:
        yield LocalEvaluator()
        return
    from marl_market.cluster.pool import WorkerPool

    with WorkerPool(PointWorker, range(workers), address, config="search") as pool:
        yield ClusterEvaluator(pool, workers)
