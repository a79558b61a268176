"""The method of simulated moments: what is matched, and what a mismatch weighs (Franke and Westerhoff 2012, section 3).

The moments of a session are its numbers, and for each of its samples the shares of it that are at most the data's
quantiles, so that every distribution is matched by smooth signed moments. With S sessions a point,

    J = (m_sim - m_emp)' W (m_sim - m_emp),    W = (shrunk covariance of m_emp + diag(tolerance^2))^-1,

where m_sim is the mean over the S sessions and the covariance comes from a block bootstrap of the data. The tolerance
is the misfit of a moment that counts like one standard error: a moment that the data tell very exactly, such as the
share of a size in 60,000 orders, would outweigh all others in a market that is no exact copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.search.description import Describe, Description, Resample
from marl_market.evaluation.realism.distances import both

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Levels of the data's quantiles at which a sample is matched."""
TOLERANCE = 0.05
"""Tolerance of a number, relative to its value in the data."""
SHARE_TOLERANCE = 0.02
"""Tolerance of a share of a sample."""
SHRINKAGE = 0.3
"""Weight of the covariance's diagonal, without which few resamples give no inverse (Ledoit and Wolf 2004)."""
SMALLEST = 1e-9
"""Smallest standard deviation of a moment, which a moment that no resample varies is given."""

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """What the search matches.

    Attributes:
        data: what was measured of the data.
        seconds: length of the data.
        knots: quantiles of each sample at which it is matched.
        bootstrap: moments of block-bootstrap resamples of the data, shape (resamples, moments).
        bootstrap_distances: Kolmogorov-Smirnov distance of each sample of the resamples from the data, (resamples,).
    """

    data: Description
    seconds: float
    knots: Mapping[str, Vector]
    bootstrap: Matrix
    bootstrap_distances: Mapping[str, Vector]

    @cached_property
    def names(self) -> list[str]:
        """The name of each moment."""
        shares = [f"{name} up to {value:g}" for name, values in self.knots.items() for value in values]
        return [*self.data.numbers, *shares]

    @cached_property
    def empirical(self) -> Vector:
        """The moments of the data, shape (moments,)."""
        return moments(self.data, self.knots)

    @cached_property
    def covariance(self) -> Matrix:
        """The covariance of the data's moments, its off-diagonal part shrunk, shape (moments, moments)."""
        found = np.atleast_2d(np.cov(self.bootstrap, rowvar=False))
        spread = np.maximum(found.diagonal(), SMALLEST**2)
        return (1 - SHRINKAGE) * found + np.diag(spread - (1 - SHRINKAGE) * found.diagonal())

    @cached_property
    def weights(self) -> Matrix:
        """The matrix W, shape (moments, moments)."""
        tolerance = np.full(len(self.names), SHARE_TOLERANCE)
        count = len(self.data.numbers)
        tolerance[:count] = TOLERANCE * np.abs(self.empirical[:count])
        return np.linalg.inv(self.covariance + np.diag(tolerance**2)).astype(np.float64)

    def objective(self, simulated: Matrix) -> NDArray[np.float64]:
        """Return J of simulated moments, shape (..., moments)."""
        gap = simulated - self.empirical
        return np.einsum("...i,ij,...j->...", gap, self.weights, gap)

    def moments(self, described: Description) -> Vector:
        """Return the moments of a session, shape (moments,)."""
        return moments(described, self.knots)

    def distances(self, described: Description) -> dict[str, float]:
        """Return the Kolmogorov-Smirnov distance of each sample from the data."""
        return {name: both(described.samples[name], each)[1] for name, each in self.data.samples.items()}


def target(data: Description, resamples: Iterable[Description], seconds: float) -> Target:
    """Return the target of data of a length, with what block-bootstrap resamples of them show.

    Resamples that lack a number are left out. Raises ValueError for data that lack one, and for fewer than two
    resamples.
    """
    missing = [name for name, value in data.numbers.items() if not np.isfinite(value)]
    missing += [name for name, sample in data.samples.items() if not len(sample)]
    if missing:
        raise ValueError(f"the data do not tell {', '.join(missing)}; leave them out of what is matched")
    quantiles = {name: np.unique(np.quantile(each, LEVELS, method="nearest")) for name, each in data.samples.items()}
    knots = {name: values[values < data.samples[name].max()] for name, values in quantiles.items()}
    rows, distances = [], []
    for each in resamples:
        found = moments(each, knots)
        if np.isfinite(found).all():
            rows.append(found)
            distances.append([both(each.samples[name], sample)[1] for name, sample in data.samples.items()])
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} resamples of the data show what is matched; it must be 2 or more")
    by_sample = dict(zip(data.samples, np.array(distances).T, strict=True))
    return Target(data, seconds, knots, np.array(rows), by_sample)


def resampled_target(
    data: Any, describe: Describe, resample: Resample, seconds: float, count: int, random: np.random.Generator
) -> Target:
    """Return the target of data of a length, from `count` resamples of them."""
    return target(describe(data), (describe(resample(data, random)) for _ in range(count)), seconds)


def moments(described: Description, knots: Mapping[str, Vector]) -> Vector:
    """Return the numbers of a session, and the shares of its samples up to the knots, shape (moments,)."""
    shares = [
        np.searchsorted(np.sort(described.samples[name]), values, "right") / max(len(described.samples[name]), 1)
        for name, values in knots.items()
    ]
    return np.concatenate([list(described.numbers.values()), *shares])
