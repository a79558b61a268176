"""The effect of training on one group: its trained and its untrained policy on common random numbers."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from marl_market.evaluation.statistics import CONFIDENCE, finite_array, interval_of_mean


@dataclass(frozen=True)
class Comparison:
    """Scores of the untrained and of the trained policy of one group in sessions of the same seeds.

    Attributes:
        group: name of the group.
        seeds: number of seeds that both policies played.
        untrained_mean: mean score before training, in reward per seat and session.
        trained_mean: mean score after training, same unit.
        difference_mean: mean over seeds of trained minus untrained.
        difference_low: lower end of the interval of `difference_mean`.
        difference_high: upper end of that interval.
        confidence: probability that the interval covers the true difference.
    """

    group: str
    seeds: int
    untrained_mean: float
    trained_mean: float
    difference_mean: float
    difference_low: float
    difference_high: float
    confidence: float

    @property
    def verdict(self) -> str:
        """Return "better" or "worse" where the interval excludes zero, otherwise "undecided"."""
        if self.difference_low > 0:
            return "better"
        return "worse" if self.difference_high < 0 else "undecided"


def compare_paired(group: str, untrained: ArrayLike, trained: ArrayLike, confidence: float = CONFIDENCE) -> Comparison:
    """Compare the trained with the untrained policy of a group on the same seeds.

    Pairing removes the common random numbers: the interval is that of the mean difference, see `interval_of_mean`.

    Args:
        group: name of the group.
        untrained: one score a seed, shape (seeds,).
        trained: one score a seed, same seeds in the same order, shape (seeds,).
        confidence: probability that the interval should cover the true difference, between 0 and 1.

    Raises ValueError where the lengths differ, there are fewer than two seeds, or a score is not finite.
    """
    before = finite_array(untrained, f"{group}: untrained", dimensions=1)
    after = finite_array(trained, f"{group}: trained", dimensions=1)
    if before.size != after.size:
        raise ValueError(f"{group}: {before.size} untrained and {after.size} trained scores; both must be one a seed")
    if before.size < 2:
        raise ValueError(f"{group}: {before.size} seeds; an interval needs two or more")
    difference = after - before
    low, high = interval_of_mean(difference, confidence)
    return Comparison(
        group=group,
        seeds=int(before.size),
        untrained_mean=float(before.mean()),
        trained_mean=float(after.mean()),
        difference_mean=float(difference.mean()),
        difference_low=low,
        difference_high=high,
        confidence=confidence,
    )
