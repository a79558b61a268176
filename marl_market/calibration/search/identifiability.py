"""How far the data tell the parameters apart: profiles of the objective, intervals, and pairs on a ridge.

Near the estimate the least J at a given value of one parameter is a bounded linear least-squares problem. An interval
is the part of the profile below J_min + 3.84 V_kk / (A^-1)_kk, the threshold of a profile likelihood, adjusted for
weights that are not the inverse of the moments' covariance (Chandler and Bate 2007); V and A are those of
`linearization`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, lsq_linear

from marl_market.calibration.search.linearization import Linearization
from marl_market.calibration.search.moments import Matrix
from marl_market.calibration.search.parameter_space import ParameterSpace

THRESHOLD = 3.841
"""95 % quantile of chi-squared with one degree of freedom."""
WIDEST = 0.5
"""Width of an interval, as a part of the bounds on the parameter's scale, beyond which its profile counts as flat."""
RIDGE = 0.9
"""Correlation of two estimates from which on only a combination of both is known."""
GRID = 41


@dataclass(frozen=True)
class Profile:
    """The profile of one parameter.

    Attributes:
        name: of the parameter.
        estimate: its value.
        low: lower end of the 95 % interval.
        high: upper end of it.
        identified: whether the interval is narrower than `WIDEST` of the bounds.
        values: grid of its values between the bounds.
        objective: least J at each of them.
        threshold: J below which a value lies in the interval.
    """

    name: str
    estimate: float
    low: float
    high: float
    identified: bool
    values: NDArray[np.float64]
    objective: NDArray[np.float64]
    threshold: float


@dataclass(frozen=True)
class Ridge:
    """Two parameters of which only a combination is known: the correlation of their estimates."""

    one: str
    other: str
    correlation: float


@dataclass(frozen=True)
class Identifiability:
    """Profiles of all parameters, and the pairs on a ridge."""

    profiles: Sequence[Profile]
    ridges: Sequence[Ridge]


def identifiability(space: ParameterSpace, near: Linearization) -> Identifiability:
    """Return profiles and ridges about an estimate."""
    spread = np.sqrt(near.inverse.diagonal())
    return Identifiability(
        [_profile(space, near, index) for index in range(len(space.names))],
        _ridges(space.names, near.inverse / np.outer(spread, spread)),
    )


def _profile(space: ParameterSpace, near: Linearization, index: int) -> Profile:
    """Return the profile of a parameter."""
    others = np.delete(np.arange(near.estimate.size), index)
    at_zero = near.gap - near.steps[:, others] @ near.estimate[others]

    def least(position: float) -> float:
        fixed = at_zero + near.steps[:, index] * (position - near.estimate[index])
        return 2.0 * float(lsq_linear(near.steps[:, others], -fixed, (0.0, 1.0)).cost)

    grid = np.unique(np.append(np.linspace(0.0, 1.0, GRID), near.estimate[index]))
    objective = np.array([least(position) for position in grid])
    lowest = float(grid[objective.argmin()])
    limit = float(objective.min() + THRESHOLD * near.variance[index, index] / near.inverse[index, index])
    low, high = (_crossing(least, lowest, end, limit) for end in (0.0, 1.0))
    parameter = list(space.parameters.values())[index]
    ends = parameter.from_unit(low), parameter.from_unit(high)
    value = parameter.from_unit(float(near.estimate[index]))
    points = np.array([parameter.from_unit(float(each)) for each in grid])
    return Profile(space.names[index], value, *ends, high - low <= WIDEST, points, objective, limit)


def _crossing(curve: Callable[[float], float], inside: float, end: float, limit: float) -> float:
    """Return where a convex curve passes a limit between a point below it and an end, or the end where it does not."""
    if curve(end) <= limit:
        return end
    return float(brentq(lambda position: curve(position) - limit, inside, end, xtol=1e-5))


def _ridges(names: Sequence[str], correlation: Matrix) -> list[Ridge]:
    """Return the pairs of strongly correlated estimates, strongest first."""
    pairs = [
        Ridge(names[one], names[other], float(correlation[one, other]))
        for one in range(len(names))
        for other in range(one + 1, len(names))
        if abs(correlation[one, other]) >= RIDGE
    ]
    return sorted(pairs, key=lambda each: -abs(each.correlation))
