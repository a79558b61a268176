"""Estimates over training seeds, with intervals over them.

The unit of replication is the training run: sessions of one run share its policy and are not independent. The
interval of a mean is that of the means of the runs, see `marl_market.evaluation.statistics`; other intervals are of a
two-stage bootstrap, which draws training seeds with replacement and, within each drawn seed, its sessions (Davison
and Hinkley 1997, section 3.8), and is too narrow for few seeds. Aggregates are those of Agarwal et al. 2021, "Deep
reinforcement learning at the edge of the statistical precipice": interquartile mean, probability of improvement,
performance profile. Their library resamples every task of every run on its own, which would count each session as a
training run of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from marl_market.evaluation.statistics import CONFIDENCE, finite_array, interval_of_mean
from marl_market.market.seeding import Stream, generator

RESAMPLES = 2000
TRIMMED = 0.25
"""Share of scores left out at each end by the interquartile mean."""

Scores = NDArray[np.float64]
"""Scores of one variant (training seeds, sessions)."""


@dataclass(frozen=True)
class Estimate:
    """Mean and interquartile mean of a score over training seeds.

    Attributes:
        mean: over seeds and sessions.
        mean_low: lower end of its interval.
        mean_high: upper end of its interval.
        iqm: mean of the middle half of the seeds' means.
        iqm_low: lower end of its interval.
        iqm_high: upper end of its interval.
        seeds: number of training seeds.
        sessions: of each of them.
    """

    mean: float
    mean_low: float
    mean_high: float
    iqm: float
    iqm_low: float
    iqm_high: float
    seeds: int
    sessions: int


def scores_of(values: Sequence[ArrayLike], name: str) -> Scores:
    """Return scores (seeds, sessions) of sequences of one length; raises ValueError naming what is wrong."""
    rows = [finite_array(each, f"{name}, training seed {index}", dimensions=1) for index, each in enumerate(values)]
    lengths = {row.size for row in rows}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"{name}: training seeds have {sorted(lengths)} sessions; all must have as many, and some")
    return np.stack(rows)


def interquartile_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the middle half of the values along the last axis; of fewer than four, of all."""
    return np.asarray(stats.trim_mean(values, TRIMMED, axis=-1))


def seed_means(scores: Scores, resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """Return the means of the drawn training seeds of each resample (resamples, seeds)."""
    seeds, sessions = scores.shape
    random = generator(0, Stream.BOOTSTRAP)
    chosen = random.integers(seeds, size=(resamples, seeds))
    # A session's share in a resampled mean is multinomial: weights need no copy of each drawn session.
    weights = random.multinomial(sessions, np.full(sessions, 1.0 / sessions), size=(resamples, seeds))
    return np.asarray(np.einsum("rst,rst->rs", weights / sessions, scores[chosen]))


def estimate(scores: Scores, confidence: float = CONFIDENCE) -> Estimate:
    """Return the estimate of scores (seeds, sessions).

    A single training seed has no interval: both ends are then not a number.
    """
    seeds, sessions = scores.shape
    per_seed = scores.mean(axis=1)
    none = (np.nan, np.nan)
    of_mean = interval_of_mean(per_seed, confidence) if seeds > 1 else none
    of_iqm = interval(interquartile_mean(seed_means(scores)), confidence) if seeds > 1 else none
    return Estimate(float(per_seed.mean()), *of_mean, float(interquartile_mean(per_seed)), *of_iqm, seeds, sessions)


def interval(values: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the central interval that holds a share `confidence` of the values."""
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def probability_of_improvement(
    scores: Scores, others: Scores, confidence: float = CONFIDENCE
) -> tuple[float, float, float]:
    """Return P(a training run of `scores` is better than one of `others`) and its interval.

    The mean over all pairs of runs of 1 where the first has the higher mean, 1/2 where both are equal: the statistic of
    Mann and Whitney (1947). Both intervals' ends are not a number where one has a single run.
    """
    value = float(_share_better(scores.mean(1)[None], others.mean(1)[None])[0])
    if min(len(scores), len(others)) < 2:
        return value, np.nan, np.nan
    # Drawn apart: equal resamples of both would pair runs that are not paired.
    drawn = _share_better(seed_means(scores), seed_means(others)[::-1])
    return value, *interval(drawn, confidence)


def _share_better(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    better = np.sign(first[:, :, None] - second[:, None, :])
    return np.asarray((0.5 + 0.5 * better).mean(axis=(1, 2)))


def performance_profile(scores: Scores, thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of sessions of all runs with a score above each threshold (thresholds,)."""
    ordered = np.sort(scores.ravel())
    return 1.0 - np.searchsorted(ordered, thresholds, side="right") / ordered.size


def curve_interval(
    curves: NDArray[np.float64], confidence: float = CONFIDENCE
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the IQM over training seeds of curves (seeds, points), and both ends of its interval (points,)."""
    seeds = len(curves)
    middle = interquartile_mean(curves.T)
    if seeds < 2:
        return middle, np.full_like(middle, np.nan), np.full_like(middle, np.nan)
    chosen = generator(0, Stream.BOOTSTRAP).integers(seeds, size=(RESAMPLES // 4, seeds))
    drawn = interquartile_mean(np.moveaxis(curves[chosen], 1, -1))
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return middle, low, high
