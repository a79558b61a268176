"""Autocorrelation of a sequence in sessions, and the exponent of its decay."""

from __future__ import annotations

import math

import numpy as np

from marl_market.evaluation.realism.best_quotes import Real, Whole

DECAY_LAGS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
"""Lags of a fitted decay, about evenly spaced in their logarithm."""


def autocorrelation(values: Real | Whole, session: Whole, lag: int) -> float:
    """Return mean((x_i - m)(x_{i + lag} - m)) / var(x) over pairs of one session; NaN without pairs or variance."""
    centred = values - values.mean() if len(values) else values
    together = session[lag:] == session[:-lag]
    variance = float((centred**2).mean()) if len(values) else 0.0
    if not together.any() or variance == 0.0:
        return math.nan
    return float((centred[lag:] * centred[:-lag])[together].mean()) / variance


def decay_exponent(values: Real | Whole, session: Whole) -> float:
    """Return g of a decay lag^-g: minus the slope of log autocorrelation on log lag, over the lags where it is above 0.

    NaN where fewer than 3 lags are.
    """
    found = np.array([autocorrelation(values, session, lag) for lag in DECAY_LAGS])
    positive = np.nan_to_num(found) > 0
    if positive.sum() < 3:
        return math.nan
    return -float(np.polyfit(np.log(np.array(DECAY_LAGS)[positive]), np.log(found[positive]), 1)[0])
