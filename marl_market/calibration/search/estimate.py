"""From trials to an estimate: the surrogate's least point, its intervals, and a new score on fresh seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.calibration.search.evaluation import Evaluation, Evaluator
from marl_market.calibration.search.identifiability import Identifiability, identifiability
from marl_market.calibration.search.linearization import linearization
from marl_market.calibration.search.proposals import DESCENTS
from marl_market.calibration.search.search import Search, Searched
from marl_market.calibration.search.surrogate import fit_surrogate
from marl_market.calibration.search.trial import ranked
from marl_market.market.seeding import Stream, derive_keys

FRESH = 1000
"""Part of the stream of session seeds that holds fresh ones."""


@dataclass(frozen=True)
class Candidate:
    """A point that may be the best, scored on fresh seeds.

    Attributes:
        origin: where it comes from, such as "trial 97".
        parameters: value by name.
        searched: J on the seeds of the search; None where it was not played on them.
        evaluation: on the fresh seeds.
    """

    origin: str
    parameters: Mapping[str, float]
    searched: float | None
    evaluation: Evaluation


@dataclass(frozen=True)
class Estimate:
    """What a search says of the parameters.

    Attributes:
        parameters: those of the best candidate.
        candidates: best on fresh seeds first.
        identifiability: profiles and intervals about the surrogate's least point.
    """

    parameters: Mapping[str, float]
    candidates: Sequence[Candidate]
    identifiability: Identifiability


def estimate(search: Search, searched: Searched, evaluator: Evaluator, best: int, seeds: int) -> Estimate:
    """Return the estimate after a new score of the best points, since the least of many noisy values is too low.

    Args:
        search: the search.
        searched: what it found.
        evaluator: plays points.
        best: trials that are scored anew, beside the surrogate's least point.
        seeds: fresh seeds.
    """
    space, target = search.space, search.problem.target
    order = ranked(searched.trials)
    surrogate = fit_surrogate(space, order)
    least = surrogate.minimum(target, [space.to_unit(each.parameters) for each in order[:DESCENTS]])
    named: list[tuple[str, Mapping[str, float], float | None]] = [
        ("least of the surrogate", space.from_unit(least), None)
    ]
    named += [(f"trial {each.index}", each.parameters, each.objective) for each in order[:best]]
    keys = derive_keys(search.seed, Stream.CALIBRATION_SESSION, search.part, FRESH, count=seeds)
    found = evaluator.evaluate(search.problem, [each for _, each, _ in named], [int(key >> 32) for key in keys])
    candidates = [Candidate(*each, evaluation) for each, evaluation in zip(named, found, strict=True)]
    candidates.sort(key=lambda each: np.inf if each.evaluation.objective is None else each.evaluation.objective)
    near = linearization(target, surrogate, least, search.problem.seconds * search.budget.seeds)
    return Estimate(candidates[0].parameters, candidates, identifiability(space, near))
