import numpy as np
import pytest
from scipy import stats

from marl_market.evaluation.realism import distances


def random() -> np.random.Generator:
    return np.random.default_rng(11)


def test_distances_worked_out_by_hand() -> None:
    one, other = np.array([1, 1, 2, 3] * 10), np.array([1, 2, 2, 5] * 10)
    # Shares: 1/2, 1/4, 1/4, 0 against 1/4, 1/2, 0, 1/4.
    l1, ks = distances.both(one, other)
    assert l1 == pytest.approx(0.5)
    assert ks == pytest.approx(0.25)


def test_samples_that_do_not_meet_are_at_distance_1_and_equal_ones_at_0() -> None:
    values = random().normal(size=500)
    assert distances.both(values, values) == (0.0, 0.0)
    assert distances.both(values, values + 100) == pytest.approx((1.0, 1.0))
    assert distances.both(np.array([3, 3]), np.array([3, 3])) == (0.0, 0.0)
    assert distances.both(np.array([0.5, 0.5]), np.array([0.5])) == (0.0, 0.0)


@pytest.mark.parametrize("draw", ["poisson", "standard_normal"])
def test_distances_are_symmetric_where_both_samples_spread_alike(draw: str) -> None:
    sizes = (4000, 4000)
    one, other = ((random().poisson(7, each) if draw == "poisson" else random().normal(size=each)) for each in sizes)
    other = other + 1 if draw == "poisson" else -other
    assert distances.both(one, other) == pytest.approx(distances.both(other, one))


def test_the_ks_distance_is_scipys() -> None:
    whole = random().poisson(7, 3000), random().poisson(9, 2000)
    assert distances.both(*whole)[1] == pytest.approx(stats.ks_2samp(*whole).statistic)
    real = random().normal(size=3000), random().normal(0.3, 1.2, size=2000)
    assert distances.both(*real)[1] == pytest.approx(stats.ks_2samp(*real).statistic, abs=0.003)


def test_the_l1_distance_of_two_normal_distributions() -> None:
    # Half the integral of |p - q| of two normals a apart is 2 Phi(a / 2) - 1.
    one, other = random().normal(size=400_000), np.random.default_rng(12).normal(1.0, size=400_000)
    assert distances.both(one, other)[0] == pytest.approx(2 * stats.norm.cdf(0.5) - 1, abs=0.01)


def test_amounts_and_numbers_that_hardly_repeat_have_wide_bins() -> None:
    one, other = random().integers(0, 10**6, (2, 3000))
    assert distances.both(one, other)[0] < 0.1
    few = random().integers(0, 1000, (2, 3000))
    assert distances.both(*few)[0] > 0.2
    assert distances.both(*few, amounts=True)[0] < 0.1
    huge = random().integers(0, 2**60, (2, 50)) // 2**30 * 2**30
    assert 0 <= distances.both(*huge)[0] <= 1


def test_an_empty_sample_has_no_distance() -> None:
    with pytest.raises(ValueError, match="a sample is empty: 0 simulated and 2 real values"):
        distances.both(np.zeros(0), np.ones(2))
    with pytest.raises(ValueError, match="a sample is empty"):
        distances.conditional((np.ones(1), np.ones(1)), (np.zeros(0), np.zeros(0)))


def test_a_conditional_distance_weighs_conditions_as_the_real_tape_does() -> None:
    condition = np.repeat([0, 1], [300, 100])
    real = np.zeros(400, np.int64), condition
    assert distances.conditional((np.zeros(400, np.int64), condition), real) == (0.0, 0.0)
    assert distances.conditional((condition, condition), real) == pytest.approx((0.25, 0.25))
    never = np.zeros(400, np.int64), np.zeros(400, np.int64)
    assert distances.conditional(never, real) == pytest.approx((0.25, 0.25))


def test_the_wasserstein_distance_counts_standard_deviations() -> None:
    one = random().normal(size=100_000)
    assert distances.wasserstein(one, one + 0.1) == pytest.approx(0.1, rel=0.01)
    assert distances.wasserstein(np.ones(3), np.ones(2)) == 0.0
