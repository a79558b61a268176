"""What an action is drawn from, part by part: choices from categorical distributions, numbers from normal ones.

RLlib lays out what its distributions are drawn from part after part of a space: the scores of choices, or means and
log standard deviations. A mask has the choices of all parts, one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete, Tuple
from numpy.typing import NDArray

from marl_market.agents.rllib.networks import categorical, gaussian
from marl_market.agents.rollout import Floats, Masks
from marl_market.env.interface.spaces import ActionSpace, num_choices_of, parts_of


@dataclass(frozen=True)
class Component:
    """One of the spaces that an action consists of.

    Attributes:
        choices: how many each of its numbers has; none for a continuous part.
        numbers: where they are in an action.
        inputs: where what it is drawn from is among all that the action is drawn from.
        mask: where its choices are in a mask.
    """

    choices: tuple[int, ...]
    numbers: slice
    inputs: slice
    mask: slice


def action_components(space: ActionSpace) -> tuple[Component, ...]:
    """Return the parts of an action space, in order."""
    parts, number, place, choice = [], 0, 0, 0
    for part in parts_of(space):
        found = num_choices_of(part)
        counts = () if found is None else tuple(found.tolist())
        numbers, inputs = (len(counts), sum(counts)) if counts else (part.shape[0], 2 * part.shape[0])
        parts.append(
            Component(
                counts,
                slice(number, number + numbers),
                slice(place, place + inputs),
                slice(choice, choice + sum(counts)),
            )
        )
        number, place, choice = number + numbers, place + inputs, choice + sum(counts)
    return tuple(parts)


def num_outputs(space: ActionSpace) -> int:
    """Return how many scores of choices and means of numbers there are."""
    return sum(sum(part.choices) or part.numbers.stop - part.numbers.start for part in action_components(space))


def sample(
    inputs: Floats, noise: Floats | None, mask: Masks | None, components: Sequence[Component]
) -> tuple[Floats, Floats, Floats]:
    """Return actions (R, A), their log densities (R,), and what they were drawn from, masked choices left out (R, N).

    Args:
        inputs: what a policy says, (R, N).
        noise: standard normal noise, (R, A); None takes the most probable choices and the means.
        mask: which choices are allowed, (R, C); None: all.
        mixture: what the action consists of.
    """
    drawn = []
    for part in components:
        own, explored = inputs[:, part.inputs], None if noise is None else noise[:, part.numbers]
        if part.choices:
            own = categorical.mask_scores(own, None if mask is None else mask[:, part.mask])
            drawn.append((*categorical.sample(own, explored, part.choices), own))
        else:
            drawn.append((*gaussian.sample(own, explored), own))
    if len(drawn) == 1:
        return drawn[0]
    action, logp, from_what = zip(*drawn, strict=True)
    return np.concatenate(action, axis=1), np.sum(logp, axis=0), np.concatenate(from_what, axis=1)


def widen(mask: torch.Tensor, space: ActionSpace) -> torch.Tensor:
    """Return a mask of choices (..., C) as one of all that an action is drawn from, bool (..., N)."""
    allowed = mask.bool()
    components = action_components(space)
    if len(components) == 1:
        return allowed
    return torch.cat(
        [
            allowed[..., part.mask]
            if part.choices
            else allowed.new_ones((*allowed.shape[:-1], part.inputs.stop - part.inputs.start))
            for part in components
        ],
        dim=-1,
    )


def as_space(action: Floats, space: Any) -> Any:
    """Return actions (..., A) in the type and shape that RLlib's distributions of `space` take."""
    if isinstance(space, Tuple):
        return tuple(
            _as_part(action[..., part.numbers], own)
            for part, own in zip(action_components(space), parts_of(space), strict=True)
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
