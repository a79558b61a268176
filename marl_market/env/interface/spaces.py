"""Action spaces of gymnasium as flat arrays of numbers: number of choices, flattening, masks."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete, Tuple
from numpy.typing import NDArray

ActionSpace = Box | Discrete[np.int64] | MultiDiscrete | Tuple


def continuous(size: int) -> Box:
    """Return the continuous space of `size` numbers in [-1, 1]."""
    return Box(-1.0, 1.0, (size,), np.float32)


def parts_of(space: ActionSpace) -> tuple[Any, ...]:
    """Return the simple spaces of an action space, in the order of their numbers."""
    return tuple(space.spaces) if isinstance(space, Tuple) else (space,)


def num_choices_of(space: ActionSpace) -> NDArray[np.int64] | None:
    """Return the number of choices of each number of an action `(A,)`, 0 for a continuous one; None if all are."""
    if isinstance(space, Box):
        return None
    if isinstance(space, Tuple):
        return np.concatenate([_num_choices(part) for part in space.spaces])
    return np.atleast_1d(np.asarray(space.nvec if isinstance(space, MultiDiscrete) else space.n, np.int64))


def _num_choices(part: Any) -> NDArray[np.int64]:
    num_choices = num_choices_of(part)
    return np.zeros(part.shape, np.int64) if num_choices is None else num_choices


def flatten_action(action: Any, space: ActionSpace) -> NDArray[np.float32]:
    """Return the numbers `(..., A)` of one action of `space`, or of several of equal leading shape.

    Raises ValueError or TypeError for another shape than the space's.
    """
    if not isinstance(space, Tuple):
        return np.asarray(action, np.float32)
    parts = [np.asarray(part, np.float32) for part in action]
    shapes = [part.shape or () for part in space.spaces]
    leading = parts[0].shape[: parts[0].ndim - len(shapes[0])] if parts else ()
    if [part.shape for part in parts] != [(*leading, *shape) for shape in shapes]:
        raise ValueError(f"it has parts of shapes {[part.shape for part in parts]}")
    return np.concatenate([part.reshape(*leading, -1) for part in parts], axis=-1)


def unflatten_mask(mask: NDArray[np.int8], space: ActionSpace) -> Any:
    """Return a mask `(choices,)` in the form of the argument of the space's `sample`."""
    if isinstance(space, MultiDiscrete):
        return tuple(np.split(mask, space.nvec.cumsum()[:-1]))
    if not isinstance(space, Tuple):
        return mask
    parts = parts_of(space)
    ends = np.cumsum([_num_choices(part).sum() for part in parts])
    own = np.split(mask, ends[:-1])
    return tuple(
        None if isinstance(part, Box) else unflatten_mask(each, part) for part, each in zip(parts, own, strict=True)
    )
