"""The objective near an estimate: a quadratic form, and the covariance of the estimate.

The moments are linear there, m(u) = m + G (u - estimate), but G is a regression's and has errors of its own, of
covariance E between parameters and R between moments. They would make a parameter that changes nothing look known, so
that their expected part is taken off the information, and their part in the gradient is added to its variance:

    B = G'W G - E tr(W R),  kept positive semidefinite          information
    M = G'W Omega W G + E (g'W R W g),  g = m - m_emp           variance of half the gradient
    V = A^-1 (M + P) A^-1,  A = B + P                           covariance of the estimate

the last line that of a method of simulated moments whose weights W are not the inverse of the moments' covariance Omega
(Gourieroux and Monfort 1996, section 2.3). P = 12 I, one over the variance of a uniform position between the bounds,
stands for what is known where no moment tells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.calibration.search.moments import Matrix, Target, Vector
from marl_market.calibration.search.parameter_space import Point
from marl_market.calibration.search.surrogate import Surrogate

UNIFORM_PRECISION = 12.0
SMALLEST = 1e-6
"""Least eigenvalue of the information, small against `UNIFORM_PRECISION`."""


@dataclass(frozen=True)
class Linearization:
    """The objective about an estimate: J is |gap + steps (point - estimate)|^2 but for a constant.

    Attributes:
        estimate: point of the unit cube.
        gap: shape (parameters,).
        steps: square root of the information B, shape (parameters, parameters).
        inverse: A^-1, shape (parameters, parameters).
        variance: V, shape (parameters, parameters).
    """

    estimate: Point
    gap: Vector
    steps: Matrix
    inverse: Matrix
    variance: Matrix


def linearization(target: Target, surrogate: Surrogate, estimate: Point, simulated_seconds: float) -> Linearization:
    """Return the objective about an estimate.

    `simulated_seconds` is the length of all sessions of a point, of which the noise of the simulated moments follows.
    """
    slopes, errors = surrogate.jacobian(estimate), surrogate.jacobian_variance(estimate)
    weighted = target.weights @ slopes
    gap = target.weights @ (surrogate.moments(estimate) - target.empirical)
    steps = _root(slopes.T @ weighted - errors * float((target.weights * surrogate.residual).sum()))
    noise = target.covariance * (1.0 + target.seconds / simulated_seconds) + surrogate.variance(estimate)
    middle = weighted.T @ noise @ weighted + errors * float(gap @ surrogate.residual @ gap)
    prior = UNIFORM_PRECISION * np.eye(estimate.size)
    inverse: Matrix = np.linalg.inv(steps.T @ steps + prior).astype(np.float64)
    variance = inverse @ (middle + prior) @ inverse
    return Linearization(estimate, np.linalg.solve(steps.T, slopes.T @ gap), steps, inverse, variance)


def _root(information: Matrix) -> Matrix:
    """Return the symmetric square root of a matrix after its eigenvalues are raised to `SMALLEST`."""
    values, vectors = np.linalg.eigh(information)
    return (vectors * np.sqrt(np.maximum(values, SMALLEST))) @ vectors.T
