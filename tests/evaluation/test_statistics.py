from __future__ import annotations

import numpy as np
import pytest

from marl_market.evaluation.statistics import BOOTSTRAP_FROM, interval_of_mean


def test_many_seeds_are_bootstrapped_alike_each_time() -> None:
    sample = np.random.default_rng(3).lognormal(size=BOOTSTRAP_FROM)
    low, high = interval_of_mean(sample, 0.95)
    assert (low, high) == interval_of_mean(sample, 0.95)
    # A skewed sample gets a skewed interval, which Student's t cannot give.
    assert low < sample.mean() < high
    assert high - sample.mean() > 1.2 * (sample.mean() - low)


@pytest.mark.parametrize("size", [2, 7, BOOTSTRAP_FROM - 1, BOOTSTRAP_FROM, 60])
def test_equal_differences_leave_no_doubt(size: int) -> None:
    assert interval_of_mean(np.full(size, 0.1), 0.95) == (0.1, 0.1)


@pytest.mark.parametrize(("size", "least"), [(6, 0.9), (40, 0.9)])
def test_the_interval_covers_the_mean_about_as_often_as_it_says(size: int, least: float) -> None:
    random = np.random.default_rng(4)
    covered = [low <= 0 <= high for low, high in (interval_of_mean(random.normal(size=size), 0.95) for _ in range(60))]
    assert least <= np.mean(covered) <= 1
