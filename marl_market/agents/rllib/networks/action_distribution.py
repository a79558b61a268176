"""The distribution of an action, component by component: categorical for choices, diagonal normal for numbers.

RLlib lays out the inputs of its distributions component after component of a space: the scores of choices, or means
and log standard deviations. A mask has the choices of all components, one after the other. The noise that explores is
an argument, so that paired markets may share it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete, Tuple
from numpy.typing import NDArray
from scipy.special import ndtr

from marl_market.agents.rollout import Floats, Masks
from marl_market.env.interface.spaces import ActionSpace, num_choices_of, parts_of

MASKED = np.float32(-1e9)
"""Score of a masked choice: its probability is zero in float32, and no difference of two of them is undefined."""
HALF_LOG_TWO_PI = np.float32(0.5 * math.log(2 * math.pi))


@dataclass(frozen=True)
class Component:
    """One of the spaces that make up an action space.

    Attributes:
        choices: number of choices of each of its dimensions; empty for a continuous component.
        dimensions: its dimensions of an action.
        inputs: its inputs among those of the whole distribution.
        mask: its choices in a mask.
    """

    choices: tuple[int, ...]
    dimensions: slice
    inputs: slice
    mask: slice

    @property
    def num_outputs(self) -> int:
        """Return the number of scores of choices or of means."""
        return sum(self.choices) or self.dimensions.stop - self.dimensions.start


def action_components(space: ActionSpace) -> tuple[Component, ...]:
    """Return the components of an action space, in order."""
    components, dimension, place, choice = [], 0, 0, 0
    for part in parts_of(space):
        found = num_choices_of(part)
        counts = () if found is None else tuple(found.tolist())
        dimensions, inputs = (len(counts), sum(counts)) if counts else (part.shape[0], 2 * part.shape[0])
        components.append(
            Component(
                counts,
                slice(dimension, dimension + dimensions),
                slice(place, place + inputs),
                slice(choice, choice + sum(counts)),
            )
        )
        dimension, place, choice = dimension + dimensions, place + inputs, choice + sum(counts)
    return tuple(components)


def num_outputs(space: ActionSpace) -> int:
    """Return the number of scores of choices and means of an action space."""
    return sum(component.num_outputs for component in action_components(space))


def sample(
    inputs: Floats, noise: Floats | None, mask: Masks | None, components: Sequence[Component]
) -> tuple[Floats, Floats, Floats]:
    """Return actions (R, A), their log densities (R,), and the inputs (R, N) with masked choices left out.

    Args:
        inputs: output of a policy, (R, N).
        noise: standard normal noise, (R, A); None takes the most probable choices and the means.
        mask: 1 for each legal choice, (R, C); None: all are legal.
        components: of the action space.
    """
    sampled = []
    for component in components:
        own, explored = inputs[:, component.inputs], None if noise is None else noise[:, component.dimensions]
        if component.choices:
            own = mask_scores(own, None if mask is None else mask[:, component.mask])
            sampled.append((*sample_categorical(own, explored, component.choices), own))
        else:
            sampled.append((*sample_gaussian(own, explored), own))
    if len(sampled) == 1:
        return sampled[0]
    action, logp, masked_inputs = zip(*sampled, strict=True)
    return np.concatenate(action, axis=1), np.sum(logp, axis=0), np.concatenate(masked_inputs, axis=1)


def sample_gaussian(inputs: Floats, noise: Floats | None) -> tuple[Floats, Floats]:
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


def sample_categorical(scores: Floats, noise: Floats | None, choices: Sequence[int]) -> tuple[Floats, Floats]:
    """Return choices (R, A), as numbers, and their log probabilities (R,) under RLlib's categorical distributions.

    Args:
        scores: log probabilities up to a constant of each dimension, its `choices` side by side, (R, sum of choices).
        noise: standard normal noise, (R, A), made uniform and put through the inverse distribution function, so that
            equal noise samples alike; None takes the most probable choice.
        choices: number of choices of each of the A dimensions.
    """
    action = np.empty((len(scores), len(choices)), np.float32)
    logp = np.zeros(len(scores), np.float32)
    rows = np.arange(len(scores))
    for dimension, part in enumerate(np.split(scores, np.cumsum(choices)[:-1], axis=1)):
        shifted = part - part.max(axis=1, keepdims=True)
        log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        if noise is None:
            chosen = part.argmax(axis=1)
        else:
            cumulative = np.exp(log_probability, dtype=np.float64).cumsum(axis=1)
            chosen = (cumulative <= uniform(noise[:, dimension])[:, None] * cumulative[:, -1:]).sum(axis=1)
        action[:, dimension] = chosen
        logp += log_probability[rows, chosen]
    return action, logp


def epsilon_greedy(scores: Floats, noise: Floats | None, mask: Masks | None, epsilon: float) -> Floats:
    """Return choices (R, 1): with probability `epsilon` a legal one, all equally probable, else the best.

    One uniform number decides both: below `epsilon` it explores, and its place there chooses.

    Args:
        scores: (R, C), see `mask_scores`.
        noise: standard normal noise, (R, 1); None never explores.
        mask: 1 for each legal choice, (R, C); None: all are legal.
        epsilon: in [0, 1].
    """
    best = scores.argmax(axis=1)
    if noise is None or epsilon == 0:
        return best[:, None].astype(np.float32)
    legal = np.ones(scores.shape, np.int64) if mask is None else mask.astype(np.int64)
    place = uniform(noise[:, 0]) / epsilon
    count = legal.sum(axis=1)
    wanted = np.minimum((place * count).astype(np.int64), count - 1)
    explored = (legal.cumsum(axis=1) <= wanted[:, None]).sum(axis=1)
    return np.where((place < 1) & (count > 0), explored, best)[:, None].astype(np.float32)


def mask_scores(scores: Floats, mask: Masks | None) -> Floats:
    """Return `scores` (R, C) with `MASKED` for choices whose `mask` (R, C) is 0; a row without any choice keeps all."""
    if mask is None:
        return scores
    legal = mask.astype(bool) | ~mask.any(axis=1, keepdims=True)
    return np.where(legal, scores, MASKED)


def uniform(noise: Floats) -> NDArray[np.float64]:
    """Return uniform numbers in [0, 1) of standard normal ones, in the same order."""
    return np.minimum(ndtr(noise.astype(np.float64)), math.nextafter(1.0, 0.0))


def expand_mask(mask: torch.Tensor, space: ActionSpace) -> torch.Tensor:
    """Return a mask of choices (..., C) as a mask of all inputs of the distribution, bool (..., N)."""
    legal = mask.bool()
    components = action_components(space)
    if len(components) == 1:
        return legal
    return torch.cat(
        [
            legal[..., component.mask]
            if component.choices
            else legal.new_ones((*legal.shape[:-1], component.inputs.stop - component.inputs.start))
            for component in components
        ],
        dim=-1,
    )


def as_space(action: Floats, space: Any) -> Any:
    """Return actions (..., A) in the type and shape that RLlib's distributions of `space` take."""
    if isinstance(space, Tuple):
        return tuple(
            _as_part(action[..., component.dimensions], part)
            for component, part in zip(action_components(space), parts_of(space), strict=True)
        )
    return _as_part(action, space)


def _as_part(action: Floats, space: Any) -> NDArray[Any]:
    if isinstance(space, Box):
        return action
    whole = action.astype(np.int64)
    return whole[..., 0] if isinstance(space, Discrete) else whole


def as_tensors(action: Floats, space: Any) -> Any:
    """Return actions (..., A) as the tensors that RLlib's distributions of `space` take."""
    shaped = as_space(action, space)
    return tuple(map(torch.from_numpy, shaped)) if isinstance(shaped, tuple) else torch.from_numpy(shaped)
