"""Which points to play next: a quasi-random start, CMA-ES from its best point, and last points about the estimate.

The proposals depend on the seed and on earlier trials alone, never on how many are played at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from cmaes import CMA
from scipy.stats import qmc

from marl_market.calibration.search.linearization import linearization
from marl_market.calibration.search.moments import Target
from marl_market.calibration.search.parameter_space import ParameterSpace, Point
from marl_market.calibration.search.surrogate import fewest_points, fit_surrogate
from marl_market.calibration.search.trial import Trial, ranked
from marl_market.market.seeding import Stream, generator
from marl_market.market.validation import is_number, is_whole, require

START_WIDTH = 0.4
"""Width of the box about the start in which the first points are drawn."""
STEP = 0.15
"""First standard deviation of CMA-ES, in units of the cube."""
WORST = 1e12
"""Value of a point that failed."""
DESCENTS = 8
"""Best trials from which the surrogate's minimum is sought."""
WIDTH = 3.0
"""Spread of the points about the estimate in apparent standard deviations of it: beyond the noise, near enough for a
quadratic."""


@dataclass(frozen=True)
class Budget:
    """What a search may spend.

    Attributes:
        points: points in all, those of an earlier part of the search included.
        start: of them, points of the quasi-random start.
        around: of them, points about the estimate, which tell the intervals.
        seeds: sessions a point.
        minutes: time from now on; None for any.
    """

    points: int = 300
    start: int = 48
    around: int = 160
    seeds: int = 3
    minutes: float | None = None

    def __post_init__(self) -> None:
        for name, least in (("points", 1), ("start", 1), ("around", 0), ("seeds", 1)):
            value = getattr(self, name)
            require(is_whole(value, least), f"search.{name}", value, f"a whole number of {least} or more")
        most = self.points - self.start
        require(self.around <= most, "search.around", self.around, f"at most points less start, {most}")
        good = self.minutes is None or (is_number(self.minutes) and self.minutes > 0)
        require(good, "search.minutes", self.minutes, "above zero, or null")


class Proposals:
    """Asks for one generation of points of the unit cube after the other.

    The first is the start and a scrambled Sobol sequence (Owen 1998) in a box about it. The next are drawn by CMA-ES
    (Hansen 2016) within the cube, which begins at the best point so far, and once it has converged begins there again
    with twice the population (Auger and Hansen 2005). The last are drawn about the least point of a surrogate, which is
    fitted anew for each of them: wide where the moments tell a parameter badly.
    """

    def __init__(
        self, space: ParameterSpace, target: Target, budget: Budget, simulated_seconds: float, key: Any
    ) -> None:
        """Begin; `key` is the seed and the part of its search, `simulated_seconds` the length of a point's sessions."""
        self._space, self._target, self._budget, self._seconds, self._key = (
            space,
            target,
            budget,
            simulated_seconds,
            key,
        )
        self._restarts = 0
        self._strategy: Any = None
        self._asked: list[Point] = []

    def ask(self, trials: Sequence[Trial]) -> tuple[str, list[Point]]:
        """Return the stage and the points of the next generation, given all trials before."""
        left = self._budget.points - len(trials)
        if not trials:
            return "start", self._start()
        few = len(ranked(trials)) < fewest_points(len(self._space.names))
        if few or left > self._budget.around:
            return "search", self._search(trials)[: left if few else left - self._budget.around]
        return "around", self._around(trials)[: max(left, 1)]

    def _start(self) -> list[Point]:
        """Return the start and quasi-random points."""
        count, size = self._budget.start, len(self._space.names)
        drawn = qmc.Sobol(size, rng=self._seed(0)).random(2 ** int(np.ceil(np.log2(count))))
        start = self._space.to_unit(self._space.start)
        low = np.clip(start - START_WIDTH / 2, 0.0, 1.0 - START_WIDTH)
        return [start, *(low + START_WIDTH * drawn[: count - 1])]

    def _search(self, trials: Sequence[Trial]) -> list[Point]:
        """Return a generation of CMA-ES, once it has taken the values of the one before."""
        if self._asked:
            values = [WORST if each.objective is None else each.objective for each in trials[-len(self._asked) :]]
            self._strategy.tell(list(zip(self._asked, values, strict=True)))
        if self._strategy is None or self._strategy.should_stop():
            self._strategy = self._begin(trials)
        self._asked = [self._strategy.ask() for _ in range(self._strategy.population_size)]
        return self._asked

    def _begin(self, trials: Sequence[Trial]) -> Any:
        size = len(self._space.names)
        population = (4 + int(3 * np.log(size))) * 2**self._restarts
        self._restarts += 1
        mean = np.clip(self._space.to_unit(ranked(trials)[0].parameters), 0.02, 0.98)
        bounds = np.tile([0.0, 1.0], (size, 1))
        return CMA(mean, STEP, bounds, seed=self._seed(self._restarts), population_size=population)

    def _around(self, trials: Sequence[Trial]) -> list[Point]:
        """Return points about the estimate, the estimate first."""
        best, size = ranked(trials), len(self._space.names)
        surrogate = fit_surrogate(self._space, best)
        estimate = surrogate.minimum(self._target, [self._space.to_unit(each.parameters) for each in best[:DESCENTS]])
        near = linearization(self._target, surrogate, estimate, self._seconds)
        random = generator(self._key[0], Stream.CALIBRATION_POINT, *self._key[1:], 1, len(trials))
        steps = random.multivariate_normal(np.zeros(size), WIDTH**2 * near.apparent, max(size, 8), method="eigh")
        return [estimate, *(_reflected(estimate + each) for each in steps)]

    def _seed(self, index: int) -> int:
        return int(generator(self._key[0], Stream.CALIBRATION_POINT, *self._key[1:], 0, index).integers(2**31))


def _reflected(point: Point) -> Point:
    """Return a point folded back into the cube at its faces."""
    return 1.0 - np.abs(1.0 - point % 2.0)
