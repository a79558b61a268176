"""Estimates over training seeds: known aggregates, coverage of the intervals, and what they are over."""

import numpy as np
import pytest
from scipy import stats

from marl_market.evaluation.training_seeds import (
    curve_interval,
    estimate,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
    scores_of,
    seed_means,
)


def test_the_interquartile_mean_leaves_a_quarter_out_at_each_end() -> None:
    assert interquartile_mean(np.array([0.0, 1, 2, 3, 4, 5, 6, 1000])) == 3.5
    assert interquartile_mean(np.array([1.0, 2.0, 6.0])) == 3.0


def test_an_estimate_is_of_the_means_of_training_seeds() -> None:
    found = estimate(np.array([[0.0, 2.0], [2.0, 4.0], [4.0, 6.0], [100.0, 102.0]]))
    assert (found.mean, found.iqm, found.seeds, found.sessions) == (27.5, 4.0, 4, 2)
    assert found.mean_low < 27.5 < found.mean_high
    assert found.iqm_low <= 4.0 <= found.iqm_high


def test_a_single_seed_has_no_interval() -> None:
    found = estimate(np.arange(10.0)[None])
    assert found.mean == 4.5
    assert np.isnan([found.mean_low, found.mean_high, found.iqm_low, found.iqm_high]).all()


def test_an_interval_covers_training_seeds_where_one_over_sessions_does_not() -> None:
    # Seeds differ by 1, sessions by 1: an interval over all 8 * 32 sessions would be far too narrow.
    random, covered, too_narrow = np.random.default_rng(1), 0, 0
    for _ in range(200):
        scores = random.standard_normal((8, 1)) + random.standard_normal((8, 32))
        found = estimate(scores)
        covered += found.mean_low <= 0.0 <= found.mean_high
        low, high = stats.t.interval(0.95, scores.size - 1, scores.mean(), stats.sem(scores.ravel()))
        too_narrow += not low <= 0.0 <= high
    assert covered >= 182
    assert too_narrow >= 100


def test_resampled_means_have_the_variance_of_both_stages() -> None:
    random = np.random.default_rng(2)
    scores = 2.0 * random.standard_normal((50, 1)) + 3.0 * random.standard_normal((50, 20))
    drawn = seed_means(scores, 4000).mean(axis=1)
    between, within = scores.mean(1).var(), scores.var(axis=1).mean()
    assert drawn.var() == pytest.approx(between / 50 + within / 20 / 50, rel=0.1)


def test_the_probability_of_improvement_counts_pairs_of_runs() -> None:
    scores, others = np.array([[1.0], [3.0]]), np.array([[2.0], [3.0]])
    value, low, high = probability_of_improvement(scores, others)
    assert value == pytest.approx((0 + 0 + 1 + 0.5) / 4)
    assert 0.0 <= low <= value <= high <= 1.0
    assert probability_of_improvement(others, scores)[0] == pytest.approx(1 - value)
    assert probability_of_improvement(scores, scores)[0] == 0.5


def test_a_profile_is_the_share_of_sessions_above() -> None:
    scores = np.array([[0.0, 1.0], [2.0, 3.0]])
    assert performance_profile(scores, np.array([-1.0, 0.0, 1.5, 3.0])).tolist() == [1.0, 0.75, 0.5, 0.0]


def test_a_curve_has_its_aggregate_and_an_interval_at_each_point() -> None:
    middle, low, high = curve_interval(np.array([[0.0, 10.0], [2.0, 10.0], [4.0, 10.0]]))
    assert middle.tolist() == [2.0, 10.0]
    assert low[0] < 2.0 < high[0]
    assert low[1] == high[1] == 10.0
    assert np.isnan(curve_interval(np.ones((1, 2)))[1]).all()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([[1.0, 2.0], [1.0]], r"a: training seeds have \[1, 2\] sessions; all must have as many"),
        ([[1.0], [np.nan]], r"a, training seed 1\[0\] is nan; every value must be finite"),
    ],
)
def test_scores_that_cannot_be_compared_are_named(values: list[list[float]], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        scores_of(values, "a")
