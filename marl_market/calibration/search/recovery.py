"""The check that a search finds parameters: it is run on data that were simulated with known ones.

An estimate from real data means no more than this check: where an interval here misses the known value, or a parameter
is not identified, the same method says as little of the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from marl_market.calibration.search.description import Resample
from marl_market.calibration.search.estimate import Estimate, estimate
from marl_market.calibration.search.evaluation import Evaluator
from marl_market.calibration.search.moments import resampled_target
from marl_market.calibration.search.search import Progress, Search
from marl_market.calibration.search.trial import TrialFile
from marl_market.market.seeding import Stream, derive_keys, generator

DISTANCE = 0.1
"""Largest distance of a known value from the start of the search, as a part of the bounds on its scale."""
MARGIN = 0.1
"""Least distance of a known value from its bounds, likewise."""


@dataclass(frozen=True)
class Recovered:
    """One parameter of the check.

    Attributes:
        name: of the parameter.
        known: value with which the data were simulated.
        estimate: value that the search estimated.
        low: lower end of its 95 % interval.
        high: upper end of it.
        identified: whether its profile is not flat.
    """

    name: str
    known: float
    estimate: float
    low: float
    high: float
    identified: bool

    @property
    def inside(self) -> bool:
        """Whether the known value lies in the interval."""
        return self.low <= self.known <= self.high


@dataclass(frozen=True)
class Recovery:
    """The result of the check.

    Attributes:
        parameters: of the space, in order.
        estimate: of the search.
        stopped: why the search ended.
    """

    parameters: Sequence[Recovered]
    estimate: Estimate
    stopped: str

    def sentence(self) -> str:
        """Return the result in words."""
        inside = sum(each.inside for each in self.parameters)
        found = [each.name for each in self.parameters if each.inside and each.identified]
        flat = [each.name for each in self.parameters if not each.identified]
        missed = [each.name for each in self.parameters if not each.inside]
        said = (
            f"recovery: {inside} of {len(self.parameters)} known values lie in their 95 % intervals, {len(found)} of "
        )
        said += f"them identified; not identified: {', '.join(flat) or 'none'}"
        return said + (f"; missed: {', '.join(missed)}" if missed else "")


def known_parameters(search: Search) -> dict[str, float]:
    """Return the values to recover: each within `DISTANCE` of the start of the search, drawn by its seed."""
    space = search.space
    random = generator(search.seed, Stream.CALIBRATION_POINT, search.part, 1)
    point = space.to_unit(space.start) + random.uniform(-DISTANCE, DISTANCE, len(space.names))
    return space.from_unit(np.clip(point, MARGIN, 1.0 - MARGIN))


def recover(
    search: Search,
    resample: Resample,
    evaluator: Evaluator,
    file: TrialFile,
    progress: Progress = lambda _: None,
    fresh_seeds: int = 5,
    best: int = 3,
) -> Recovery:
    """Return what a search finds in data simulated with known parameters, of the length of its target's data.

    An interrupt of the search is raised again: half a check is none.

    Args:
        search: whose target is replaced by that of the simulated data.
        resample: draws block-bootstrap resamples of a session.
        evaluator: plays points.
        file: keeps the trials.
        progress: is given them as they come.
        fresh_seeds: seeds of the new score.
        best: trials that are scored anew.
    """
    problem, known = search.problem, known_parameters(search)
    seed = int(derive_keys(search.seed, Stream.CALIBRATION_SESSION, search.part, 1, count=1)[0] >> 32)
    data = problem.simulate(known, seed, problem.target.seconds)
    random = generator(search.seed, Stream.BOOTSTRAP, search.part)
    count = len(problem.target.bootstrap)
    known_target = resampled_target(data, problem.describe, resample, problem.target.seconds, count, random)
    search = replace(search, problem=replace(problem, target=known_target))
    searched = search.run(evaluator, file, progress)
    if searched.stopped == "interrupt":
        raise KeyboardInterrupt
    found = estimate(search, searched, evaluator, best, fresh_seeds)
    parameters = [
        Recovered(each.name, known[each.name], each.estimate, each.low, each.high, each.identified)
        for each in found.identifiability.profiles
    ]
    return Recovery(parameters, found, searched.stopped)
