"""The objective near an estimate: a quadratic form, and the covariance of the estimate.

The moments are linear there, m(u) = m + G (u - estimate), but m and G are a regression's and have errors, dm and dG.
They would make a parameter that changes nothing look known. Derivatives are therefore shrunk by their variance
(nonnegative garrote, Breiman 1995), what the errors still add to the information is taken off, and what they add to the
gradient is part of its variance:

    B = G'W G - c E[dG'W dG], kept positive semidefinite            information, c = NOISE_LEFT
    M = G'W (Omega + E[dm dm']) W G + E[dG'W g g'W dG]              variance of half the gradient, g = m - m_emp
    V = A^-1 (M + P) A^-1,  A = B + P                               covariance of the estimate

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
SHRINKAGE = 6.0
"""Square of a derivative in standard errors up to which it counts as zero."""
NOISE_LEFT = 0.04
"""Part of the variance of a derivative of zero that is left after shrinkage, of errors with nine degrees of freedom."""
SMALLEST = 1e-6
"""Least eigenvalue of the information, small against `UNIFORM_PRECISION`."""


@dataclass(frozen=True)
class Linearization:
    """The objective about an estimate: J is |gap + steps (point - estimate)|^2 but for a constant.

    Attributes:
        estimate: point of the unit cube.
        gap: shape (parameters,).
        steps: square root of the information B, shape (parameters, parameters).
        apparent: inverse of G'W G + P, from which nothing is taken off, shape (parameters, parameters).
        inverse: A^-1, likewise.
        variance: V, shape (parameters, parameters).
    """

    estimate: Point
    gap: Vector
    steps: Matrix
    apparent: Matrix
    inverse: Matrix
    variance: Matrix


def linearization(target: Target, surrogate: Surrogate, estimate: Point, simulated_seconds: float) -> Linearization:
    """Return the objective about an estimate.

    `simulated_seconds` is the length of all sessions of a point, of which the noise of the simulated moments follows.
    """
    errors = surrogate.jacobian_errors(estimate)
    slopes = _shrunk(surrogate.jacobian(estimate), (errors**2).sum(0))
    weighted = target.weights @ slopes
    gap = target.weights @ (surrogate.moments(estimate) - target.empirical)
    information = slopes.T @ weighted
    noise_left = NOISE_LEFT * np.einsum("gmk,mn,gnl->kl", errors, target.weights, errors, optimize=True)
    steps = _root(information - noise_left)
    of_moments, of_gradient = surrogate.moment_errors(estimate), gap @ errors
    noise = target.covariance * (1.0 + target.seconds / simulated_seconds) + of_moments.T @ of_moments
    middle = weighted.T @ noise @ weighted + of_gradient.T @ of_gradient
    prior = UNIFORM_PRECISION * np.eye(estimate.size)
    inverse: Matrix = np.linalg.inv(steps.T @ steps + prior).astype(np.float64)
    variance = inverse @ (middle + prior) @ inverse
    apparent: Matrix = np.linalg.inv(information + prior).astype(np.float64)
    at_estimate: Vector = np.linalg.solve(steps.T, slopes.T @ gap).astype(np.float64)
    return Linearization(estimate, at_estimate, steps, apparent, inverse, variance)


def _shrunk(slopes: Matrix, variance: Matrix) -> Matrix:
    """Return derivatives shrunk by their variance."""
    return slopes * np.maximum(0.0, 1.0 - SHRINKAGE * variance / np.maximum(slopes**2, 1e-300))


def _root(information: Matrix) -> Matrix:
    """Return the symmetric square root of a matrix after its eigenvalues are raised to `SMALLEST`."""
    values, vectors = np.linalg.eigh(information)
    return (vectors * np.sqrt(np.maximum(values, SMALLEST))) @ vectors.T
