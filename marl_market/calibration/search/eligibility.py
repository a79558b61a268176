"""The points that the data do not reject (Bai, Lam, Balch and Vyetrenko 2022, section 4), and the coverage of moments.

A point is rejected where the Kolmogorov-Smirnov distance of one of K samples has a p-value below .05 / K (Bonferroni).
Observations of a session depend on each other, so that the p-value is not the textbook's: it is the share of
block-bootstrap resamples of the data that are as far from the data, after the distances are scaled by
sqrt(1 + data seconds / simulated seconds) for the sampling error of the sessions. The p-value of J is found likewise,
with the factor squared (Franke and Westerhoff 2012, section 4).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.calibration.search.moments import Matrix, Target
from marl_market.calibration.search.trial import Trial

LEVEL = 0.05
RULES = ("ks", "j")


@dataclass(frozen=True)
class Eligibility:
    """The eligible points of a search.

    Attributes:
        rule: "ks" or "j".
        eligible: the trials that are not rejected.
        ranges: least and greatest value of each parameter among them; empty where there are none.
    """

    rule: str
    eligible: Sequence[Trial]
    ranges: Mapping[str, tuple[float, float]]


def eligibility(target: Target, trials: Sequence[Trial], simulated_seconds: float, rule: str = "ks") -> Eligibility:
    """Return the trials that the data do not reject; `simulated_seconds` is the length of all sessions of a point."""
    if rule not in RULES:
        raise ValueError(f"search.eligibility is {rule!r}; it must be one of {', '.join(RULES)}")
    kept = [
        each for each in trials if each.objective is not None and not rejected(target, each, simulated_seconds, rule)
    ]
    names = trials[0].parameters if trials else {}
    found = {name: [each.parameters[name] for each in kept] for name in names}
    return Eligibility(rule, kept, {name: (min(each), max(each)) for name, each in found.items() if each})


def rejected(target: Target, trial: Trial, simulated_seconds: float, rule: str) -> bool:
    """Return whether the data reject a trial by a rule."""
    if rule == "j":
        return objective_p_value(target, float(trial.objective or 0.0), simulated_seconds) < LEVEL
    values = distance_p_values(target, trial.distances, simulated_seconds)
    return min(values.values()) < LEVEL / len(values)


def distance_p_values(target: Target, distances: Mapping[str, float], simulated_seconds: float) -> dict[str, float]:
    """Return the bootstrap p-value of the distance of each sample."""
    factor = math.sqrt(1.0 + target.seconds / simulated_seconds)
    return {name: _p_value(factor * target.bootstrap_distances[name], distance) for name, distance in distances.items()}


def objective_p_value(target: Target, objective: float, simulated_seconds: float) -> float:
    """Return the bootstrap p-value of J."""
    factor = 1.0 + target.seconds / simulated_seconds
    return _p_value(factor * target.objective(target.bootstrap), objective)


def coverage(target: Target, moments: Matrix) -> tuple[dict[str, float], float]:
    """Return the moment coverage ratios of sessions: of each moment, and of all at once.

    The ratio is the share of sessions whose moment lies in its 95 % bootstrap interval (Franke and Westerhoff 2012,
    section 5); the joint one counts sessions all of whose moments do.

    Args:
        target: of the search.
        moments: of each session, shape (sessions, moments).
    """
    low, high = np.quantile(target.bootstrap, [LEVEL / 2, 1 - LEVEL / 2], axis=0)
    inside = (moments >= low) & (moments <= high)
    return dict(zip(target.names, inside.mean(0).tolist(), strict=True)), float(inside.all(1).mean())


def _p_value(resampled: np.ndarray[tuple[int], np.dtype[np.float64]], value: float) -> float:
    """Return the share of resampled values that are as large, the value itself counted as one of them."""
    return float((1 + (resampled >= value).sum()) / (1 + len(resampled)))
