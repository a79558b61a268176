import numpy as np
import pytest

from marl_market.calibration.search.linearization import linearization
from marl_market.calibration.search.parameter_space import ParameterSpace
from marl_market.calibration.search.surrogate import Surrogate, fit_surrogate
from marl_market.calibration.search.trial import Trial
from marl_market.market.free_parameter import FreeParameter
from tests.calibration.search import toy

SPACE = ParameterSpace({name: FreeParameter(0.0, 1.0) for name in "abc"}, dict.fromkeys("abc", 0.5))


def quadratic(point: np.ndarray) -> np.ndarray:
    a, b, _ = point
    return np.array([a + b, 2 * a * b, (a - 0.3) ** 2])


def fitted(count: int = 200, noise: float = 0.0) -> Surrogate:
    random = np.random.default_rng(3)
    trials = []
    for index, point in enumerate(random.random((count, 3))):
        moments = quadratic(point) + noise * random.standard_normal(3)
        objective = float(((point - 0.4) ** 2).sum())
        trials.append(Trial(index, "start", dict(zip("abc", point.tolist(), strict=True)), objective, moments, {}, 0.0))
    return fit_surrogate(SPACE, sorted(trials, key=lambda each: each.objective or 0.0))


def test_a_quadratic_function_is_found_with_its_derivatives() -> None:
    point = np.array([0.45, 0.35, 0.5])
    found = fitted()
    np.testing.assert_allclose(found.moments(point), quadratic(point), atol=1e-3)
    np.testing.assert_allclose(found.jacobian(point), [[1, 1, 0], [0.7, 0.9, 0], [0.3, 0, 0]], atol=0.02)


def test_noise_shows_in_the_errors() -> None:
    found = fitted(noise=0.1)
    np.testing.assert_allclose(np.sqrt(found.residual.diagonal()), 0.1, rtol=0.4)
    point = np.array([0.4, 0.4, 0.4])
    error = np.abs(found.moments(point) - quadratic(point))
    assert (error < 4 * np.sqrt(found.variance(point).diagonal())).all()
    slope_error = np.abs(found.jacobian(point) - [[1, 1, 0], [0.8, 0.8, 0], [0.2, 0, 0]])
    deviation = np.sqrt(np.outer(found.residual.diagonal(), found.jacobian_variance(point).diagonal()))
    assert (slope_error < 4 * deviation).all()


def test_too_few_points_tell_no_slope() -> None:
    with pytest.raises(ValueError, match="4 points were played; a surrogate of 3 parameters needs 5 or more"):
        fitted(4)


def test_the_covariance_of_an_estimate_is_that_of_weighted_least_squares() -> None:
    """With moments that are exact and linear, V is the textbook's, for weights that are not the inverse of Omega."""
    target = toy.target()
    random = np.random.default_rng(0)
    slopes = random.standard_normal((len(target.names), 2))
    exact = Surrogate(
        middle=np.zeros(2),
        coefficients=np.vstack([target.empirical, slopes.T, np.zeros((3, len(target.names)))]),
        inverse=np.zeros((6, 6)),
        residual=np.zeros((len(target.names),) * 2),
        low=np.zeros(2),
        high=np.ones(2),
    )
    found = linearization(target, exact, np.zeros(2), simulated_seconds=2 * target.seconds)
    bread = np.linalg.inv(slopes.T @ target.weights @ slopes)
    meat = slopes.T @ target.weights @ (1.5 * target.covariance) @ target.weights @ slopes
    np.testing.assert_allclose(found.variance, bread @ meat @ bread, rtol=0.05)  # the prior is weak beside the moments
    np.testing.assert_allclose(found.gap, 0.0, atol=1e-9)
