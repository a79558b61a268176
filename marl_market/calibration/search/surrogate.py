"""A surrogate of the moments near the best points.

It is quadratic in the parameters and fitted to the trials by ridge regression, which averages the noise of their
sessions out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from marl_market.calibration.search.moments import Matrix, Target, Vector
from marl_market.calibration.search.parameter_space import ParameterSpace, Point
from marl_market.calibration.search.trial import Trial

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Ridge penalties of the quadratic terms among which leave-one-out errors choose."""
LINEAR_PENALTY = 1e-4
"""Ridge penalty of the linear terms: a direction in which the points hardly differ has no slope."""
NEAREST = 0.5
"""Share of the trials that is fitted: those of least J."""


@dataclass(frozen=True)
class Surrogate:
    """The fitted moments.

    Attributes:
        middle: point about which the features are taken, the best one, shape (parameters,).
        coefficients: shape (features, moments).
        inverse: inverse of the features' penalized second moments, shape (features, features).
        residual: covariance of the leave-one-out errors near it, shape (moments, moments).
        low: least coordinates of the fitted points.
        high: greatest coordinates of them.
    """

    middle: Point
    coefficients: Matrix
    inverse: Matrix
    residual: Matrix
    low: Point
    high: Point

    def moments(self, point: Point) -> Vector:
        """Return the moments expected at a point."""
        return _features(point - self.middle) @ self.coefficients

    def jacobian(self, point: Point) -> Matrix:
        """Return the derivatives of the moments, shape (moments, parameters)."""
        return self.coefficients.T @ _slopes(point - self.middle)

    def jacobian_variance(self, point: Point) -> Matrix:
        """Return the covariance of the errors of one moment's derivatives in units of its residual variance.

        The shape is (parameters, parameters); two moments' errors covary as their residuals do.
        """
        slopes = _slopes(point - self.middle)
        return slopes.T @ self.inverse @ slopes

    def variance(self, point: Point) -> Matrix:
        """Return the covariance of the error of `moments` at a point, shape (moments, moments)."""
        features = _features(point - self.middle)
        return float(features @ self.inverse @ features) * self.residual

    def minimum(self, target: Target, starts: Sequence[Point]) -> Point:
        """Return the point of least J within the box of the fitted points, by descents from the starts."""

        def value(point: Point) -> tuple[float, Vector]:
            gap = target.weights @ (self.moments(point) - target.empirical)
            return float(gap @ (self.moments(point) - target.empirical)), 2.0 * gap @ self.jacobian(point)

        bounds = list(zip(self.low, self.high, strict=True))
        found = [minimize(value, each, jac=True, bounds=bounds, method="L-BFGS-B") for each in starts]
        return np.asarray(min(found, key=lambda each: each.fun).x)


def fit_surrogate(space: ParameterSpace, ranked: Sequence[Trial]) -> Surrogate:
    """Return the surrogate of the better part of trials, best first.

    Raises ValueError for fewer trials than parameters and two more, which tell no slope.
    """
    size = len(space.names)
    if len(ranked) < size + 2:
        raise ValueError(f"{len(ranked)} points were played; a surrogate of {size} parameters needs {size + 2} or more")
    chosen = ranked[: max(round(NEAREST * len(ranked)), min(3 * size + 10, len(ranked)))]
    points = np.array([space.to_unit(each.parameters) for each in chosen])
    moments = np.array([each.moments for each in chosen])
    middle, roots = points[0], np.sqrt(_trust(np.array([each.objective for each in chosen], np.float64)))[:, None]
    features = np.array([_features(each) for each in points - middle])
    fits = [_ridge(roots * features, roots * moments, size, penalty) for penalty in PENALTIES]
    spread = np.maximum(moments.std(0), 1e-12)
    coefficients, inverse, errors = min(fits, key=lambda fit: float(((fit[2] / spread) ** 2).sum()))
    residual = errors.T @ errors / float((roots**2).sum())
    return Surrogate(middle, coefficients, inverse, residual, points.min(0), points.max(0))


def _trust(objectives: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a weight for each trial: far from the best one the moments are no quadratic function."""
    excess = objectives - objectives.min()
    scale = max(float(np.quantile(excess, 0.25)), 1e-12)
    return (1.0 + excess / scale) ** -2


def _features(deviation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1, the deviations and their products."""
    rows, columns = np.triu_indices(deviation.size)
    return np.concatenate([[1.0], deviation, deviation[rows] * deviation[columns]])


def _slopes(deviation: NDArray[np.float64]) -> Matrix:
    """Return the derivatives of the features, shape (features, parameters)."""
    size = deviation.size
    rows, columns = np.triu_indices(size)
    slopes = np.zeros((1 + size + rows.size, size))
    slopes[1 : 1 + size] = np.eye(size)
    quadratic = np.arange(1 + size, len(slopes))
    np.add.at(slopes, (quadratic, rows), deviation[columns])
    np.add.at(slopes, (quadratic, columns), deviation[rows])
    return slopes


def _ridge(features: Matrix, moments: Matrix, size: int, penalty: float) -> tuple[Matrix, Matrix, Matrix]:
    """Return coefficients, penalized inverse, and leave-one-out errors, which follow from the hat matrix."""
    weights = np.full(features.shape[1], penalty)
    weights[: 1 + size] = LINEAR_PENALTY
    weights[0] = 0.0
    inverse: Matrix = np.linalg.inv(features.T @ features + np.diag(weights)).astype(np.float64)
    coefficients = inverse @ features.T @ moments
    leverage = np.einsum("ij,jk,ik->i", features, inverse, features)
    errors = (moments - features @ coefficients) / np.maximum(1.0 - leverage, 1e-3)[:, None]
    return coefficients, inverse, errors
