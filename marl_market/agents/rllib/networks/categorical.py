"""Choices drawn from categorical distributions, with the noise as an argument and masked choices left out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from marl_market.agents.rollout import Floats, Masks

MASKED = np.float32(-1e9)
"""Score of a masked choice: its probability is zero in float32, and no difference of two of them is undefined."""


def mask_scores(scores: Floats, mask: Masks | None) -> Floats:
    """Return `scores` (R, C) with `MASKED` for choices whose `mask` (R, C) is 0; a row without any choice keeps all."""
    if mask is None:
        return scores
    allowed = mask.astype(bool) | ~mask.any(axis=1, keepdims=True)
    return np.where(allowed, scores, MASKED)


def sample(scores: Floats, noise: Floats | None, choices: Sequence[int]) -> tuple[Floats, Floats]:
    """Return choices (R, A), as numbers, and their log probabilities (R,) under RLlib's categorical distributions.

    Args:
        scores: log probabilities but for a constant of each number, its `choices` side by side, (R, sum of choices).
        noise: standard normal noise, (R, A), made uniform and put through the inverse distribution function, so that
            equal noise draws alike; None takes the most probable choice.
        choices: how many choices each number has, A of them.
    """
    action = np.empty((len(scores), len(choices)), np.float32)
    logp = np.zeros(len(scores), np.float32)
    rows = np.arange(len(scores))
    for number, part in enumerate(_parts(scores, choices)):
        shifted = part - part.max(axis=1, keepdims=True)
        log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        if noise is None:
            drawn = part.argmax(axis=1)
        else:
            reached = np.exp(log_probability, dtype=np.float64).cumsum(axis=1)
            drawn = (reached <= uniform(noise[:, number])[:, None] * reached[:, -1:]).sum(axis=1)
        action[:, number] = drawn
        logp += log_probability[rows, drawn]
    return action, logp


def epsilon_greedy(scores: Floats, noise: Floats | None, mask: Masks | None, epsilon: float) -> Floats:
    """Return choices (R, 1): with probability `epsilon` any allowed one, all equally probable, else the best.

    One uniform number decides both: below `epsilon` it explores, and its place there says what.

    Args:
        scores: (R, C), see `mask_scores`.
        noise: standard normal noise, (R, 1); None never explores.
        mask: which choices are allowed, (R, C); None: all.
        epsilon: in [0, 1].
    """
    best = scores.argmax(axis=1)
    if noise is None or epsilon == 0:
        return best[:, None].astype(np.float32)
    allowed = np.ones(scores.shape, np.int64) if mask is None else mask.astype(np.int64)
    place = uniform(noise[:, 0]) / epsilon
    count = allowed.sum(axis=1)
    wanted = np.minimum((place * count).astype(np.int64), count - 1)
    explored = (allowed.cumsum(axis=1) <= wanted[:, None]).sum(axis=1)
    return np.where((place < 1) & (count > 0), explored, best)[:, None].astype(np.float32)


def uniform(noise: Floats) -> NDArray[np.float64]:
    """Return uniform numbers in [0, 1) for standard normal ones, the greater the greater."""
    return np.minimum(ndtr(noise.astype(np.float64)), math.nextafter(1.0, 0.0))


def _parts(scores: Floats, choices: Sequence[int]) -> list[Floats]:
    return np.split(scores, np.cumsum(choices)[:-1], axis=1)
