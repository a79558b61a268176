"""Tails of distributions."""

from __future__ import annotations

import math

import numpy as np

from marl_market.evaluation.realism.best_quotes import Real, Whole

TAIL_SHARE = 0.05
FEWEST = 10
"""Values in a tail from which an exponent is given."""


def hill(values: Real | Whole) -> float:
    """Return a = 1 / mean(ln(x_i / x_k)) over the largest 5 % x_i, x_k the next one below them (Hill 1975).

    NaN where they are fewer than `FEWEST`, all equal, or not above 0.
    """
    count = int(TAIL_SHARE * len(values))
    if count < FEWEST:
        return math.nan
    largest = np.sort(np.partition(values, len(values) - count - 1)[-count - 1 :]).astype(np.float64)
    if largest[0] <= 0 or largest[0] == largest[-1]:
        return math.nan
    return 1 / float(np.log(largest[1:] / largest[0]).mean())


def kurtosis(values: Real | Whole) -> float:
    """Return mean(x^4) / mean(x^2)^2, 3 for a normal distribution around 0; NaN where all are 0 or there are none."""
    squares = np.asarray(values, np.float64) ** 2
    second = float(squares.mean()) if len(squares) else 0.0
    return float((squares**2).mean()) / second**2 if second else math.nan
