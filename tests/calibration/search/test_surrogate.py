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
    point = np.array([0.4, 0.4, 0.4])
    error = found.moments(point) - quadratic(point)
    assert (np.abs(error) < 4 * np.sqrt((found.moment_errors(point) ** 2).sum(0))).all()
    slope_error = found.jacobian(point) - [[1, 1, 0], [0.8, 0.8, 0], [0.2, 0, 0]]
    claimed = np.sqrt((found.jacobian_errors(point) ** 2).sum(0))
    assert np.sqrt(np.mean(slope_error**2)) == pytest.approx(np.sqrt(np.mean(claimed**2)), rel=0.6)


def test_too_few_points_tell_no_slope() -> None:
    with pytest.raises(
        ValueError, match="4 points were played without a failure; a surrogate of 3 parameters needs 5 or more"
    ):
        fitted(4)


def test_the_covariance_of_an_estimate_is_that_of_weighted_least_squares() -> None:
    """With moments that are exact and linear, V is the textbook's, for weights that are not the inverse of Omega."""
    target = toy.target()
    random = np.random.default_rng(0)
    slopes = random.standard_normal((len(target.names), 2))
    exact = Surrogate(
        middle=np.zeros(2),
        coefficients=np.vstack([target.empirical, slopes.T, np.zeros((3, len(target.names)))]),
        replicates=np.zeros((1, 6, len(target.names))),
        low=np.zeros(2),
        high=np.ones(2),
    )
    found = linearization(target, exact, np.zeros(2), simulated_seconds=2 * target.seconds)
    bread = np.linalg.inv(slopes.T @ target.weights @ slopes)
    meat = slopes.T @ target.weights @ (1.5 * target.covariance) @ target.weights @ slopes
    np.testing.assert_allclose(found.variance, bread @ meat @ bread, rtol=0.05)  # the prior is weak beside the moments
    np.testing.assert_allclose(found.gap, 0.0, atol=1e-9)


def test_a_derivative_within_its_errors_is_no_information() -> None:
    target = toy.target()
    count = len(target.names)
    errors = np.random.default_rng(0).standard_normal((10, 6, count)) * np.sqrt(target.covariance.diagonal())
    slopes = np.zeros((6, count))
    slopes[1] = 100 * np.sqrt(target.covariance.diagonal())
    slopes[2] = 2 * np.sqrt(target.covariance.diagonal())  # nine tenths of ten squared errors: three standard errors
    slopes[2, ::2] *= -1
    slopes[0] = target.empirical
    fit = Surrogate(np.zeros(2), slopes, errors, np.zeros(2), np.ones(2))
    found = linearization(target, fit, np.zeros(2), simulated_seconds=2 * target.seconds)
    assert np.sqrt(found.variance.diagonal()) == pytest.approx([0.0, 12**-0.5], abs=0.03)
