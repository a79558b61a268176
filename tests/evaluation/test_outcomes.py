from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from marl_market.evaluation.outcomes import (
    BOOTSTRAP_FROM,
    Conservation,
    Evaluation,
    GroupOutcome,
    compare_paired,
    interval_of_mean,
    summarize_group,
)


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


def arrays() -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    return {
        "pnl": random.normal(3, 1, (10, 4)),
        "fees": random.gamma(2, 1, (10, 4)),
        "traded_lots": random.integers(0, 50, (10, 4)),
        "trades": random.integers(0, 9, (10, 4)),
        "final_position": random.integers(-5, 6, (10, 4)),
    }


def test_an_outcome_is_the_mean_over_seats_and_sessions() -> None:
    given = arrays()
    outcome = summarize_group("makers", **given)
    low, high = stats.t.interval(0.95, 9, given["pnl"].mean(), stats.sem(given["pnl"].mean(axis=1)))
    assert (outcome.seats, outcome.sessions) == (4, 10)
    assert outcome.pnl_mean == pytest.approx(given["pnl"].mean())
    assert (outcome.pnl_low, outcome.pnl_high) == pytest.approx((low, high))
    assert outcome.fees_mean == pytest.approx(given["fees"].mean())
    assert outcome.traded_lots_mean == pytest.approx(given["traded_lots"].mean())
    assert outcome.trades_mean == pytest.approx(given["trades"].mean())
    assert outcome.final_position_mean_abs == pytest.approx(np.abs(given["final_position"]).mean())


def test_seats_of_one_market_do_not_count_as_independent() -> None:
    given = arrays()
    one = summarize_group("makers", **{name: values[:, :1] for name, values in given.items()})
    copies = summarize_group("makers", **{name: np.repeat(values[:, :1], 9, axis=1) for name, values in given.items()})
    assert (copies.pnl_low, copies.pnl_high) == pytest.approx((one.pnl_low, one.pnl_high))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"fees": np.zeros((10, 3))}, r"fees has shape \(10, 3\); it must be that of pnl, \(10, 4\)"),
        ({"trades": np.full((10, 4), np.nan)}, r"trades\[0, 0\] is nan"),
        ({name: np.zeros((1, 4)) for name in arrays()}, "1 sessions of 4 seats"),
        ({name: np.zeros((3, 0)) for name in arrays()}, "3 sessions of 0 seats"),
    ],
)
def test_sessions_that_cannot_be_summarized_raise(change: dict[str, np.ndarray], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"makers.*{complaint}"):
        summarize_group("makers", **{**arrays(), **change})


@pytest.mark.parametrize(("position", "cash", "holds"), [(0, 0, True), (1, 0, False), (0, -1, False)])
def test_conservation_holds_only_without_any_error(position: int, cash: int, holds: bool) -> None:
    assert Conservation(3, position, cash).holds is holds


@pytest.fixture
def evaluation() -> Evaluation:
    return Evaluation(
        comparisons=(compare_paired("ppo", [0.1, 0.2, 0.4], [1 / 3, 0.5, 0.6]),),
        outcomes=(summarize_group("makers", **arrays()),),
        conservation=Conservation(10, 0, 0),
    )


def test_an_evaluation_survives_json_bit_for_bit(evaluation: Evaluation) -> None:
    again = Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict())))
    assert again == evaluation
    assert isinstance(again.outcomes[0], GroupOutcome)
    assert again != replace(evaluation, conservation=Conservation(10, 0, 1))


def test_a_field_that_does_not_fit_is_named(evaluation: Evaluation) -> None:
    data = evaluation.to_dict()
    del data["comparisons"][0]["seeds"]
    with pytest.raises(ValueError, match=r"evaluation\.comparisons has .*; it must have exactly .*'seeds'"):
        Evaluation.from_dict(data)
    data = evaluation.to_dict()
    data["outcomes"][0]["pnl_low"] = "low"
    with pytest.raises(ValueError, match=r"evaluation\.outcomes\.pnl_low is 'low'; it must be a number"):
        Evaluation.from_dict(data)
    with pytest.raises(ValueError, match="evaluation has "):
        Evaluation.from_dict({})
