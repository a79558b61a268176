from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from marl_market.evaluation.comparison import compare_paired


def test_few_seeds_get_the_interval_of_a_paired_t_test() -> None:
    random = np.random.default_rng(1)
    untrained, trained = random.normal(0, 1, 8), random.normal(1, 1, 8)
    comparison = compare_paired("ppo", untrained, trained, confidence=0.9)
    expected = stats.ttest_rel(trained, untrained).confidence_interval(0.9)
    assert comparison.seeds == 8
    assert comparison.untrained_mean == pytest.approx(untrained.mean())
    assert comparison.trained_mean == pytest.approx(trained.mean())
    assert comparison.difference_mean == pytest.approx((trained - untrained).mean())
    assert (comparison.difference_low, comparison.difference_high) == pytest.approx((expected.low, expected.high))


def test_pairing_removes_the_common_random_numbers() -> None:
    random = np.random.default_rng(2)
    common = random.normal(0, 100, 12)
    comparison = compare_paired("ppo", common, common + random.normal(1, 0.1, 12))
    assert 0.8 < comparison.difference_low < 1 < comparison.difference_high < 1.2


@pytest.mark.parametrize(
    ("gain", "verdict"), [([1.0, 1.1, 0.9], "better"), ([-1.0, -1.1, -0.9], "worse"), ([1.0, -1.1, 0.2], "undecided")]
)
def test_the_verdict_follows_from_the_interval(gain: list[float], verdict: str) -> None:
    assert compare_paired("ppo", np.zeros(3), gain).verdict == verdict


@pytest.mark.parametrize(
    ("untrained", "trained", "complaint"),
    [
        ([1.0, 2.0], [1.0, 2.0, 3.0], "2 untrained and 3 trained"),
        ([1.0], [2.0], "1 seeds"),
        ([1.0, float("nan")], [1.0, 2.0], r"untrained\[1\] is nan"),
        ([1.0, 2.0], [float("inf"), 2.0], r"trained\[0\] is inf"),
        ([[1.0, 2.0]], [[1.0, 2.0]], "1 dimension"),
    ],
)
def test_scores_that_cannot_be_compared_raise(untrained: object, trained: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"ppo.*{complaint}"):
        compare_paired("ppo", untrained, trained)  # type: ignore[arg-type]


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_that_is_no_probability_raises(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        compare_paired("ppo", [1.0, 2.0], [2.0, 3.0], confidence)
