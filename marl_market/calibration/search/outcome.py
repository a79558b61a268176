"""A calibration by search from its data to all that it says: recovery check, search, estimate, and scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from marl_market.calibration.search.comparison import DistanceRow, NumberRow, distance_rows, number_rows
from marl_market.calibration.search.description import Describe, Description, Resample, Simulate, pooled
from marl_market.calibration.search.eligibility import (
    Eligibility,
    coverage,
    distance_p_values,
    eligibility,
    objective_p_value,
)
from marl_market.calibration.search.estimate import Estimate, estimate
from marl_market.calibration.search.evaluation import Evaluator, Problem
from marl_market.calibration.search.moments import Target, resampled_target
from marl_market.calibration.search.parameter_space import ParameterSpace
from marl_market.calibration.search.recovery import Recovery, recover
from marl_market.calibration.search.search import Progress, Search, Searched
from marl_market.calibration.search.settings import SearchSettings
from marl_market.calibration.search.trial import TrialFile
from marl_market.market.seeding import Stream, derive_keys, generator

TRIALS_FILE, RECOVERY_FILE = "trials.jsonl", "recovery.jsonl"
SEARCH, RECOVERY = 0, 1
"""Parts of the random streams of a seed."""

SayProgress = Callable[[str, int], Progress]
"""Returns what is given the trials of a search of a name and a number of points."""


@dataclass(frozen=True)
class Material:
    """What is calibrated and to what.

    Attributes:
        simulate: plays parameters.
        describe: measures a session.
        resample: draws block-bootstrap resamples of a session.
        space: the free parameters.
        data: the session that is matched.
        seconds: its length.
        held_out: a session that no part of the search sees; None without one.
        origin: what names the data in the file of trials, such as their digest.
    """

    simulate: Simulate
    describe: Describe
    resample: Resample
    space: ParameterSpace
    data: Any
    seconds: float
    held_out: Any = None
    origin: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a calibration says.

    Attributes:
        material: of the calibration.
        settings: of the search.
        target: what was matched.
        recovery: check on simulated data.
        searched: trials of the search.
        estimate: of the parameters.
        eligibility: points that the data do not reject.
        p_values: of the best point on fresh seeds: of J, and of the distance of each sample.
        coverage: share of fresh sessions in the 95 % interval of each moment.
        joint_coverage: share of those in all intervals.
        described: "data", "held out", "calibrated" and "uncalibrated": what each shows.
        numbers: rows of the comparison.
        distances: likewise.
    """

    material: Material
    settings: SearchSettings
    target: Target
    recovery: Recovery
    searched: Searched
    estimate: Estimate
    eligibility: Eligibility
    p_values: Mapping[str, float]
    coverage: Mapping[str, float]
    joint_coverage: float
    described: Mapping[str, Description]
    numbers: list[NumberRow]
    distances: list[DistanceRow]


def calibrate(
    material: Material, settings: SearchSettings, evaluator: Evaluator, folder: Path, say_progress: SayProgress
) -> Outcome:
    """Return the outcome of a calibration; its trials are kept in `folder`, and those there are not played again.

    An interrupt of the search ends it, and the rest goes on with what it has; one of the recovery check ends all.
    """
    random = generator(settings.seed, Stream.BOOTSTRAP, SEARCH)
    target = resampled_target(
        material.data, material.describe, material.resample, material.seconds, settings.resamples, random
    )
    problem = Problem(material.simulate, material.describe, target, settings.session_seconds)
    check = Search(problem, material.space, settings.recovery_budget, settings.seed, RECOVERY)
    file = TrialFile(folder / RECOVERY_FILE, _identity(check, material, settings))
    progress = say_progress("recovery", check.budget.points)
    recovery = recover(check, material.resample, evaluator, file, progress, settings.fresh_seeds)
    search = Search(problem, material.space, settings.budget, settings.seed, SEARCH)
    file = TrialFile(folder / TRIALS_FILE, _identity(search, material, settings))
    searched = search.run(evaluator, file, say_progress("search", search.budget.points))
    found = estimate(search, searched, evaluator, settings.best, settings.fresh_seeds)
    return _scored(material, settings, search, recovery, searched, found)


def _scored(
    material: Material,
    settings: SearchSettings,
    search: Search,
    recovery: Recovery,
    searched: Searched,
    found: Estimate,
) -> Outcome:
    target = search.problem.target
    keys = derive_keys(settings.seed, Stream.CALIBRATION_SESSION, SEARCH, 2, count=settings.fresh_seeds)
    seeds = [int(key >> 32) for key in keys]
    sessions = search.problem.descriptions(found.parameters, seeds)
    described = {"data": target.data, "calibrated": pooled(sessions)}
    described["uncalibrated"] = pooled(search.problem.descriptions(material.space.start, seeds))
    if material.held_out is not None:
        described["held out"] = material.describe(material.held_out)
    best, fresh = found.candidates[0].evaluation, settings.fresh_seeds * settings.session_seconds
    p_values = distance_p_values(target, best.distances, fresh)
    if best.objective is not None:
        p_values = {"J": objective_p_value(target, best.objective, fresh), **p_values}
    inside, joint = coverage(target, np.array([target.moments(each) for each in sessions]))
    played = settings.seeds * settings.session_seconds
    return Outcome(
        material,
        settings,
        target,
        recovery,
        searched,
        found,
        eligibility(target, searched.trials, played, settings.eligibility),
        p_values,
        inside,
        joint,
        described,
        number_rows(target, described),
        distance_rows(described),
    )


def _identity(search: Search, material: Material, settings: SearchSettings) -> dict[str, Any]:
    """Return all that the trials of a search depend on."""
    parameters = {
        name: [each.low, each.high, each.transform, material.space.start[name]]
        for name, each in material.space.parameters.items()
    }
    budget = search.budget
    return {
        "data": material.origin,
        "parameters": parameters,
        "points": [budget.points, budget.start, budget.around],
        "seeds": budget.seeds,
        "session_seconds": settings.session_seconds,
        "warmup_seconds": settings.warmup_seconds,
        "resamples": settings.resamples,
        "block_seconds": settings.block_seconds,
        "seed": settings.seed,
        "moments": search.problem.target.names,
    }
