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
GROUPS = 10
"""Groups of trials that are left out in turn."""


@dataclass(frozen=True)
class Surrogate:
    """The fitted moments.

    Attributes:
        middle: point about which the features are taken, the best one, shape (parameters,).
        coefficients: shape (features, moments).
        replicates: coefficients of the fits without one group of trials each, shape (groups, features, moments); their
            spread is that of the surrogate's errors (delete-a-group jackknife, Kott 2001).
        low: least coordinates of the fitted points.
        high: greatest coordinates of them.
    """

    middle: Point
    coefficients: Matrix
    replicates: NDArray[np.float64]
    low: Point
    high: Point

    def moments(self, point: Point) -> Vector:
        """Return the moments expected at a point."""
        return _features(point - self.middle) @ self.coefficients

    def jacobian(self, point: Point) -> Matrix:
        """Return the derivatives of the moments, shape (moments, parameters)."""
        return self.coefficients.T @ _slopes(point - self.middle)

    def moment_errors(self, point: Point) -> Matrix:
        """Return errors of the moments, shape (groups, moments); the sum of their squares is the variance."""
        return _features(point - self.middle) @ self._errors()

    def jacobian_errors(self, point: Point) -> NDArray[np.float64]:
        """Return errors of the derivatives, shape (groups, moments, parameters), likewise."""
        return np.swapaxes(self._errors(), 1, 2) @ _slopes(point - self.middle)

    def minimum(self, target: Target, starts: Sequence[Point]) -> Point:
        """Return the point of least J within the box of the fitted points, by descents from the starts."""

        def value(point: Point) -> tuple[float, Vector]:
            gap = target.weights @ (self.moments(point) - target.empirical)
            return float(gap @ (self.moments(point) - target.empirical)), 2.0 * gap @ self.jacobian(point)

        bounds = list(zip(self.low, self.high, strict=True))
        found = [minimize(value, each, jac=True, bounds=bounds, method="L-BFGS-B") for each in starts]
        return np.asarray(min(found, key=lambda each: each.fun).x)

    def _errors(self) -> NDArray[np.float64]:
        groups = len(self.replicates)
        scale: float = np.sqrt((groups - 1) / groups)
        return scale * (self.replicates - self.replicates.mean(0))


def fewest_points(parameters: int) -> int:
    """Return the number of points with fewer of which a surrogate has no slope."""
    return parameters + 2


def fit_surrogate(space: ParameterSpace, ranked: Sequence[Trial]) -> Surrogate:
    """Return the surrogate of trials, best first; the farther a trial is from the best, the less it counts.

    Raises ValueError for fewer trials than `fewest_points`.
    """
    size = len(space.names)
    if len(ranked) < fewest_points(size):
        played = f"{len(ranked)} points were played without a failure"
        raise ValueError(f"{played}; a surrogate of {size} parameters needs {fewest_points(size)} or more")
    points = np.array([space.to_unit(each.parameters) for each in ranked])
    middle, roots = points[0], np.sqrt(_trust(np.array([each.objective for each in ranked], np.float64)))[:, None]
    features = roots * np.array([_features(each) for each in points - middle])
    moments = roots * np.array([each.moments for each in ranked])
    spread = np.maximum(np.array([each.moments for each in ranked]).std(0), 1e-12)
    penalties = [_penalties(features.shape[1], size, penalty) for penalty in PENALTIES]
    best = min(penalties, key=lambda each: float(((_left_out(features, moments, each) / spread) ** 2).sum()))
    group = np.arange(len(ranked)) % min(GROUPS, len(ranked))
    replicates = [_ridge(features[group != each], moments[group != each], best) for each in range(group.max() + 1)]
    return Surrogate(middle, _ridge(features, moments, best), np.array(replicates), points.min(0), points.max(0))


def _trust(objectives: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a weight for each trial: far from the best one the moments are no quadratic function."""
    excess = objectives - objectives.min()
    scale = max(float(np.quantile(excess, 0.25)), 1e-12)
    return 1.0 / (1.0 + excess / scale)


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


def _penalties(features: int, size: int, quadratic: float) -> Vector:
    """Return the ridge penalty of each feature."""
    penalties = np.full(features, quadratic)
    penalties[: 1 + size] = LINEAR_PENALTY
    penalties[0] = 0.0
    return penalties


def _ridge(features: Matrix, moments: Matrix, penalties: Vector) -> Matrix:
    """Return the coefficients."""
    found = np.linalg.solve(features.T @ features + np.diag(penalties), features.T @ moments)
    return found.astype(np.float64)


def _left_out(features: Matrix, moments: Matrix, penalties: Vector) -> Matrix:
    """Return the leave-one-out errors, which follow from the hat matrix."""
    hat = features @ np.linalg.solve(features.T @ features + np.diag(penalties), features.T)
    errors: Matrix = (moments - hat @ moments) / np.maximum(1.0 - hat.diagonal(), 1e-3)[:, None]
    return errors
