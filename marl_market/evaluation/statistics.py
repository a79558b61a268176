"""Confidence intervals of a mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from marl_market.market.seeding import Stream, generator

CONFIDENCE = 0.95
"""Probability with which the intervals of an evaluation cover the true mean."""

BOOTSTRAP_FROM = 20
"""Sample size from which a mean's interval is bootstrapped.

Below it Student's t covers better: measured over 400 samples of 10, 96 % against 92 % of a nominal 95 % for normal
scores and 85 % against 83 % for log-normal ones; from 20 on the two agree within the noise.
"""


def interval_of_mean(sample: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the confidence interval of the mean of a finite `sample` of two or more, shape (size,).

    Student's t below `BOOTSTRAP_FROM` values, from there the bias-corrected and accelerated bootstrap (Efron 1987)
    under a fixed seed; where all values are equal the interval is that value.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must be between 0 and 1")
    if np.ptp(sample) == 0:
        return float(sample[0]), float(sample[0])
    if sample.size >= BOOTSTRAP_FROM:
        random = generator(0, Stream.BOOTSTRAP)
        interval = stats.bootstrap(
            (sample,), np.mean, confidence_level=confidence, method="BCa", batch=1000, rng=random
        ).confidence_interval
        return float(interval.low), float(interval.high)
    low, high = stats.t.interval(confidence, sample.size - 1, loc=sample.mean(), scale=stats.sem(sample))
    return float(low), float(high)


def finite_array(values: ArrayLike, name: str, dimensions: int) -> NDArray[np.float64]:
    """Return `values` as an array; raises ValueError naming the first value that is not finite, or a wrong shape."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != dimensions:
        raise ValueError(f"{name} has shape {array.shape}; it must have {dimensions} dimension(s)")
    if not np.isfinite(array).all():
        index = tuple(int(number) for number in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name}{list(index)} is {array[index]}; every value must be finite")
    return array
