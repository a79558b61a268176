"""The problem near an estimate, where moments are linear in the parameters: m(u) = m + G (u - estimate).

Its covariance of the estimate is that of a method of simulated moments whose weights W are not the inverse of the
moments' covariance Omega (Gourieroux and Monfort 1996, section 2.3), within a cube on which the estimate is uniform
where no moment tells it:

    V = A^-1 (G'W Omega W G + P) A^-1,    A = G'W G + P,    P = 12 I, one over the variance of a uniform position.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.calibration.search.moments import Matrix, Target, Vector
from marl_market.calibration.search.parameter_space import Point
from marl_market.calibration.search.surrogate import Surrogate

UNIFORM_PRECISION = 12.0


@dataclass(frozen=True)
class Linearization:
    """Moments about an estimate, weighted so that J at a point is |gap + steps (point - estimate)|^2.

    Attributes:
        estimate: point of the unit cube.
        gap: weighted distance of the moments there from the data's, shape (moments,).
        steps: weighted derivatives G, shape (moments, parameters).
        inverse: A^-1, shape (parameters, parameters).
        variance: V, shape (parameters, parameters).
    """

    estimate: Point
    gap: Vector
    steps: Matrix
    inverse: Matrix
    variance: Matrix


def linearization(target: Target, surrogate: Surrogate, estimate: Point, simulated_seconds: float) -> Linearization:
    """Return the linear problem about an estimate.

    `simulated_seconds` is the length of all sessions of a point, of which the noise of the simulated moments follows.
    """
    slopes = surrogate.jacobian(estimate)
    noise = target.covariance * (1.0 + target.seconds / simulated_seconds) + surrogate.variance(estimate)
    prior = UNIFORM_PRECISION * np.eye(estimate.size)
    weighted = target.weights @ slopes
    inverse: Matrix = np.linalg.inv(slopes.T @ weighted + prior).astype(np.float64)
    variance = inverse @ (weighted.T @ noise @ weighted + prior) @ inverse
    root = np.linalg.cholesky(target.weights).T
    gap = root @ (surrogate.moments(estimate) - target.empirical)
    return Linearization(estimate, gap, root @ slopes, inverse, variance)
