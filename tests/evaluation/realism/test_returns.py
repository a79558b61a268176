import numpy as np
import pytest

from marl_market.evaluation.realism import returns
from marl_market.evaluation.realism.autocorrelation import autocorrelation, decay_exponent
from marl_market.evaluation.realism.sign_memory import sign_memory, sign_memory_decay
from marl_market.evaluation.realism.tails import hill, kurtosis
from tests.evaluation.realism.toy import path, signs


def random() -> np.random.Generator:
    return np.random.default_rng(7)


def test_moves_are_half_ticks_between_whole_seconds() -> None:
    toy = path([100, 101, 101, 99, 103])
    assert returns.mid_move(toy, 1).tolist() == [0, -4, 8]
    assert returns.mid_move(toy, 2).tolist() == [-4, 4]
    assert returns.volatility(toy, 1) == pytest.approx(np.std([0, -2, 4]))
    assert returns.still_share(toy) == pytest.approx(1 / 3)
    assert returns.skewness(toy) == pytest.approx(((-2) ** 3 + 4**3) / 3 / (20 / 3) ** 1.5)


def test_a_random_walk_has_a_variance_ratio_of_1_and_a_mean_reverting_price_a_lower_one() -> None:
    steps = random().choice([-1, 1], 100_000)
    assert returns.variance_ratio(path(np.cumsum(steps) + 10_000), 60) == pytest.approx(1.0, abs=0.08)
    noise = random().choice([-1, 1], 100_000)
    # Of independent mids, var(move over n) = 2 var(mid) for all n.
    assert returns.variance_ratio(path(noise + 1000), 60) == pytest.approx(1 / 60, rel=0.02)


def test_the_moves_of_a_sum_of_shocks_become_normal() -> None:
    shocks = random().standard_t(5, 200_000) * 10
    toy = path(np.round(np.cumsum(shocks)).astype(np.int64) + 100_000)
    assert returns.move_kurtosis(toy, 1) > 6
    assert returns.move_kurtosis(toy, 60) == pytest.approx(3, abs=0.5)
    assert returns.aggregational_gaussianity(toy) < 0.6
    assert returns.move_autocorrelation(toy, 1) == pytest.approx(0, abs=0.02)


def test_hill_finds_the_exponent_of_a_pareto_sample() -> None:
    for exponent in (1.5, 3.0):
        assert hill(random().pareto(exponent, 200_000) + 1) == pytest.approx(exponent, rel=0.03)
    assert np.isnan(hill(np.arange(100)))
    assert np.isnan(hill(np.ones(1000)))
    moves = np.cumsum(np.round(random().pareto(3.0, 100_000) * 100 + 100) * random().choice([-1, 1], 100_000))
    assert returns.move_tail(path(moves.astype(np.int64) + 10**8)) == pytest.approx(3, rel=0.1)


def test_the_kurtosis_of_known_distributions() -> None:
    assert kurtosis(random().normal(size=400_000)) == pytest.approx(3, abs=0.05)
    assert kurtosis(np.array([-1, 1])) == 1.0
    assert kurtosis(random().laplace(size=400_000)) == pytest.approx(6, abs=0.25)
    assert np.isnan(kurtosis(np.zeros(3)))


def test_the_autocorrelation_of_an_autoregression() -> None:
    values = np.zeros(200_000)
    for index, shock in enumerate(random().normal(size=len(values) - 1), start=1):
        values[index] = 0.7 * values[index - 1] + shock
    one_session = np.zeros(len(values), np.int64)
    for lag in (1, 2, 5):
        assert autocorrelation(values, one_session, lag) == pytest.approx(0.7**lag, abs=0.02)


def test_pairs_of_two_sessions_do_not_count() -> None:
    values = np.array([1.0, -1.0, 1.0, -1.0])
    assert autocorrelation(values, np.array([0, 0, 1, 1]), 1) == -1.0
    assert np.isnan(autocorrelation(values, np.arange(4), 1))
    assert np.isnan(autocorrelation(np.ones(4), np.zeros(4, np.int64), 1))


def test_the_decay_of_a_long_memory_process_is_found() -> None:
    # ARFIMA(0, d, 0): autocorrelation ~ lag^(2 d - 1), by its moving-average weights.
    d, count = 0.35, 2**17
    weights = np.cumprod(np.append(1.0, (np.arange(1, count) - 1 + d) / np.arange(1, count)))
    shocks = random().normal(size=count)
    size = 2 * count
    values = np.fft.irfft(np.fft.rfft(weights, size) * np.fft.rfft(shocks, size))[:count]
    assert decay_exponent(values, np.zeros(count, np.int64)) == pytest.approx(1 - 2 * d, abs=0.1)
    assert np.isnan(decay_exponent(np.array([1.0, -1.0] * 500), np.repeat(np.arange(500), 2)))


def test_volatility_clusters_where_calm_and_busy_times_alternate() -> None:
    scale = np.repeat(random().choice([1, 20], 500), 200)
    moves = np.round(random().normal(size=len(scale)) * scale).astype(np.int64)
    clustered, mixed = path(np.cumsum(moves) + 10**6), path(np.cumsum(random().permutation(moves)) + 10**6)
    assert returns.volatility_clustering(clustered, 10) > 0.3
    assert returns.volatility_clustering(mixed, 10) == pytest.approx(0, abs=0.02)
    assert returns.clustering_decay(clustered) > 0


def test_leverage_is_negative_where_volatility_follows_falls() -> None:
    shocks, moves, scale = random().normal(size=50_000), np.zeros(50_000), 1.0
    for index, shock in enumerate(shocks):
        moves[index] = 10 * scale * shock
        scale = 1.0 + 0.9 * (scale - 1.0) * 0.5 + 0.5 * max(-shock, 0.0)
    falling = path(np.round(np.cumsum(moves)).astype(np.int64) + 10**7)
    rising = path(np.round(-np.cumsum(moves)).astype(np.int64) + 10**7)
    assert returns.leverage(falling) < -0.02
    assert returns.leverage(rising) == pytest.approx(-returns.leverage(falling), abs=1e-3)


def test_the_memory_of_signs_is_that_of_their_chain() -> None:
    # A sign that repeats with probability p has autocorrelation (2 p - 1)^lag.
    repeats = np.where(random().random(100_000) < 0.8, 1, -1)
    toy = signs(np.cumprod(repeats))
    for lag in (1, 2, 4):
        assert sign_memory(toy, lag) == pytest.approx(0.6**lag, abs=0.02)
    assert sign_memory_decay(toy) > 0.5


def test_signs_of_two_sessions_are_not_compared() -> None:
    toy = signs([1, -1, 1, -1], sessions=[(0, 1.5), (2, 4)])
    assert sign_memory(toy, 1) == -1.0
    assert np.isnan(sign_memory(toy, 3))
    assert np.isnan(sign_memory(signs([]), 1))
