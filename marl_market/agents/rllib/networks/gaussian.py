"""Actions drawn from a diagonal normal distribution, with the noise as an argument."""

from __future__ import annotations

import math

import numpy as np

from marl_market.agents.rollout import Floats

HALF_LOG_TWO_PI = np.float32(0.5 * math.log(2 * math.pi))


def sample(inputs: Floats, noise: Floats | None) -> tuple[Floats, Floats]:
    """Return actions (R, A) and their log densities (R,) under RLlib's `TorchDiagGaussian`.

    Args:
        inputs: means and log standard deviations, (R, 2A).
        noise: standard normal noise, (R, A); None takes the means.
    """
    mean, log_std = np.split(inputs, 2, axis=1)
    std = np.exp(log_std)
    action = mean.copy() if noise is None else (mean + std * noise).astype(np.float32)
    # Not the noise itself: rounding moved the action off it, and RLlib will compute from the action.
    deviation = (action - mean) / std
    logp = (-0.5 * deviation * deviation - log_std - HALF_LOG_TWO_PI).sum(axis=1)
    return action, logp
