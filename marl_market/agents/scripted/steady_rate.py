"""Rates that keep their mean: what sets off orders says when they come, and the data how many there are.

Why: how much sets off orders depends on the market that they make. Without this a constant that is right for one stock
would flood another.
"""

from __future__ import annotations

import math

from marl_market.env.trading import compiled

TIME_CONSTANT_SECONDS = 300.0
PRIOR_SECONDS = 10.0
"""Seconds at the mean, or at the factor, of 1 with which a session begins."""
LEVEL, ELAPSED = 0, 1
RATE_MEMORY = 2


@compiled
def weight_of(memory, first, seconds):  # type: ignore[no-untyped-def]
    """Return the weight of so many seconds beside those before; a session begins at a level of 1."""
    if memory[first + ELAPSED] == 0.0:
        memory[first + LEVEL] = 1.0
        memory[first + ELAPSED] = PRIOR_SECONDS
    memory[first + ELAPSED] = min(memory[first + ELAPSED] + seconds, TIME_CONSTANT_SECONDS)
    return min(1.0, seconds / memory[first + ELAPSED])


@compiled
def relative_to_mean(memory, first, intensity, seconds):  # type: ignore[no-untyped-def]
    """Add an intensity that held for some seconds to its mean, and return it relative to that mean.

    The mean is one over all that was until now, and from `TIME_CONSTANT_SECONDS` on an exponential one.
    """
    weight = weight_of(memory, first, seconds)
    memory[first + LEVEL] += weight * (intensity - memory[first + LEVEL])
    return intensity / max(memory[first + LEVEL], 1e-9)


@compiled
def steady_chance(memory, first, intensity, mean_count):  # type: ignore[no-untyped-def]
    """Return the probability 1 - exp(-factor * mean count * intensity) to act, whose factor `keep_mean` sets."""
    factor = memory[first + LEVEL] if memory[first + ELAPSED] > 0.0 else 1.0
    return -math.expm1(-factor * mean_count * intensity)


@compiled
def keep_mean(memory, first, count, mean_count, seconds):  # type: ignore[no-untyped-def]
    """Move the factor of `steady_chance` such that the number of events in a step comes to its mean.

    By stochastic approximation (Robbins and Monro 1951). Why not the intensity over its mean: the probability of a wild
    moment is at most 1, and an act may be of several events.
    """
    weight = weight_of(memory, first, seconds)
    memory[first + LEVEL] *= max(0.5, 1.0 + weight * (1.0 - count / mean_count))
