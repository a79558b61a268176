"""How far two samples are apart, the real one second: it sets the width of the bins.

- L1: half the sum of the absolute differences of the shares of bins, 0 to 1. Whole numbers have a bin each; other
  numbers have Freedman-Diaconis bins, 2 IQR / n^(1/3) wide with the IQR of the real sample and n the size of both. So
  have whole numbers that hardly repeat, such as sizes in units of which a lot has millions, and amounts (see `binned`).
- KS: the largest difference of the two distribution functions (two-sample Kolmogorov-Smirnov), of other than whole
  numbers on `FINE_BINS` bins.
- W1: the area between the two distribution functions, in standard deviations of both samples together. It separates
  poorly, so it is no part of a score.

Source: LOB-Bench (Nagy et al. 2025); Freedman and Diaconis 1981.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from marl_market.evaluation.realism.best_quotes import Real, Whole

FINE_BINS = 4000
MOST_BINS = 2000
NARROWEST = 1e-9
MOST_DISTINCT = 0.5
"""Share of the values that may be distinct where whole numbers have a bin each."""
WIDEST = 1 << 20
"""Range of whole numbers up to which each has a bin without being looked up."""
CONDITION_BINS = 10

Sample = Real | Whole


@dataclass(frozen=True)
class Binned:
    """Two samples as numbers of bins.

    Attributes:
        simulated: bin of each value.
        real: bin of each value.
        bins: number of bins.
    """

    simulated: Whole
    real: Whole
    bins: int

    def counts(self) -> tuple[Whole, Whole]:
        """Return the values in each bin, shape (bins,) of each sample."""
        return np.bincount(self.simulated, minlength=self.bins), np.bincount(self.real, minlength=self.bins)


def binned(simulated: Sample, real: Sample, amounts: bool = False) -> tuple[Binned, Binned]:
    """Return both samples in the bins of L1 and in those of KS, the same for whole numbers.

    Args:
        simulated: the one sample.
        real: the other, which sets the width of the bins.
        amounts: whether whole numbers are amounts, such as a depth in lots, of which neighbors are alike.

    Raises ValueError for an empty sample.
    """
    if not len(simulated) or not len(real):
        raise ValueError(f"a sample is empty: {len(simulated)} simulated and {len(real)} real values")
    if not amounts and _is_whole(simulated) and _is_whole(real):
        whole = _one_bin_each(simulated, real)
        if np.count_nonzero(np.add(*whole.counts())) <= MOST_DISTINCT * (len(simulated) + len(real)):
            return whole, whole
    low, high = min(simulated.min(), real.min()), max(simulated.max(), real.max())
    spread = np.subtract(*np.quantile(real, [0.75, 0.25]))
    width = 2 * spread / (len(simulated) + len(real)) ** (1 / 3)
    coarse = int(np.clip((high - low) / max(width, NARROWEST), 1, MOST_BINS))
    l1, ks = (_evenly(simulated, real, low, high, bins) for bins in (coarse, FINE_BINS))
    return l1, ks


def both(simulated: Sample, real: Sample, amounts: bool = False) -> tuple[float, float]:
    """Return the L1 and the KS distance, see `binned`; raises ValueError for an empty sample."""
    coarse, fine = binned(simulated, real, amounts)
    return float(l1_of(*_shares(coarse))), float(ks_of(*_shares(fine)))


def conditional(
    simulated: tuple[Sample, Sample], real: tuple[Sample, Sample], amounts: bool = False
) -> tuple[float, float]:
    """Return the L1 and the KS distance of values given a condition: the mean over bins of it, by the real shares.

    The bins are tenths of the real conditions; one that the simulated sample never meets is at distance 1. Raises
    ValueError for an empty sample.
    """
    if not len(simulated[0]) or not len(real[0]):
        raise ValueError(f"a sample is empty: {len(simulated[0])} simulated and {len(real[0])} real values")
    total = np.zeros(2)
    for given, wanted in in_conditions(simulated[1], real[1]):
        if wanted.any():
            apart = both(simulated[0][given], real[0][wanted], amounts) if given.any() else (1.0, 1.0)
            total += wanted.sum() * np.array(apart)
    l1, ks = total / len(real[0])
    return float(l1), float(ks)


def in_conditions(simulated: Sample, real: Sample) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield which simulated and which real conditions are in each tenth of the real ones; equal ones stay together."""
    edges = np.unique(np.quantile(real, np.linspace(0, 1, CONDITION_BINS + 1)[1:-1]))
    ours, theirs = np.searchsorted(edges, simulated), np.searchsorted(edges, real)
    for number in range(len(edges) + 1):
        yield ours == number, theirs == number


def wasserstein(simulated: Sample, real: Sample) -> float:
    """Return the W1 distance of both samples in standard deviations of them together, 0 where all values are equal."""
    deviation = float(np.concatenate([simulated, real]).std())
    return float(stats.wasserstein_distance(simulated, real)) / deviation if deviation else 0.0


def l1_of(simulated: Real, real: Real) -> Real:
    """Return half the sum of the absolute differences of shares, along the last axis."""
    return np.asarray(0.5 * np.abs(simulated - real).sum(-1))


def ks_of(simulated: Real, real: Real) -> Real:
    """Return the largest absolute difference of the cumulated shares, along the last axis."""
    return np.asarray(np.abs(np.cumsum(simulated - real, -1)).max(-1))


def _shares(samples: Binned) -> tuple[Real, Real]:
    simulated, real = samples.counts()
    return simulated / len(samples.simulated), real / len(samples.real)


def _is_whole(sample: Sample) -> bool:
    return bool(np.issubdtype(sample.dtype, np.integer) or np.all(sample == np.round(sample)))


def _one_bin_each(simulated: Sample, real: Sample) -> Binned:
    """Return two samples of whole numbers with a bin for each, in order; a gap without values changes no distance."""
    low, high = min(simulated.min(), real.min()), max(simulated.max(), real.max())
    if high - low < WIDEST:
        return Binned((simulated - low).astype(np.int64), (real - low).astype(np.int64), int(high - low) + 1)
    values, number = np.unique(np.concatenate([simulated, real]), return_inverse=True)
    return Binned(number[: len(simulated)], number[len(simulated) :], len(values))


def _evenly(simulated: Sample, real: Sample, low: float, high: float, bins: int) -> Binned:
    """Return both samples in `bins` bins of one width from `low` to `high`, which belongs to the last."""
    scale = bins / (high - low) if high > low else 0.0
    ours, theirs = (np.minimum((sample - low) * scale, bins - 1).astype(np.int64) for sample in (simulated, real))
    return Binned(ours, theirs, bins)
