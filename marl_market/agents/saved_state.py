"""Whether a saved state fits what it is to continue: alike in structure, and taken over without a difference.

Why: libraries pass over what they do not find. A network whose weights are missing in a file would be continued with
untrained ones, silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def require_alike(saved: Any, initial: Any, place: str) -> None:
    """Raise ValueError, naming the place, unless a saved state has the structure of an initial one.

    Keys, types, dtypes and shapes are compared. Mappings that are empty in the initial state may hold anything, since
    replay buffers and moments of optimizers come to be while an agent learns; what is None may be a number or an array.
    """
    if isinstance(initial, Mapping) and not initial:
        _require(isinstance(saved, Mapping), place, _text(saved), "a mapping")
        return
    if initial is None:
        _require(saved is None or isinstance(saved, np.ndarray) or _kind(saved) is float, place, _text(saved), "None")
        return
    if isinstance(initial, np.ndarray):
        _require(_is_array_alike(saved, initial), place, _text(saved), _text(initial))
        return
    _require(_kind(saved) is _kind(initial), place, _text(saved), _text(initial))
    if isinstance(initial, Mapping):
        _require(set(saved) == set(initial), place, f"{sorted(map(str, saved))}", f"{sorted(map(str, initial))}")
        for key, value in initial.items():
            require_alike(saved[key], value, f"{place}.{key}")
    elif isinstance(initial, list | tuple):
        for index, (one, other) in enumerate(zip(saved, initial, strict=False)):
            require_alike(one, other, f"{place}[{index}]")


def require_taken_over(saved: Any, restored: Any, place: str) -> None:
    """Raise ValueError, naming the place, unless the state after a restoration is the saved one, bit for bit."""
    _require(type(saved) is type(restored), place, _text(saved), _text(restored))
    if isinstance(saved, Mapping):
        _require(set(saved) == set(restored), place, f"{sorted(map(str, saved))}", f"{sorted(map(str, restored))}")
        for key, value in saved.items():
            require_taken_over(value, restored[key], f"{place}.{key}")
    elif isinstance(saved, list | tuple):
        _require(len(saved) == len(restored), place, f"of {len(saved)} values", f"of {len(restored)}")
        for index, (one, other) in enumerate(zip(saved, restored, strict=True)):
            require_taken_over(one, other, f"{place}[{index}]")
    else:
        _require(_is_same(saved, restored), place, _text(saved), _text(restored))


def _is_same(one: Any, other: Any) -> bool:
    first, second = np.asarray(one), np.asarray(other)
    return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()


def _is_array_alike(saved: Any, initial: np.ndarray[Any, Any]) -> bool:
    if not isinstance(saved, np.ndarray) or (saved.dtype, saved.ndim) != (initial.dtype, initial.ndim):
        return False
    return saved.shape == initial.shape or not initial.size


def _kind(value: Any) -> type:
    """Return the type of a value; one for all numbers, since a whole float may have been an integer at first."""
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return float if is_number else dict if isinstance(value, Mapping) else type(value)


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    return type(value).__name__ if isinstance(value, Mapping | list | tuple) else repr(value)[:60]


def _require(condition: bool, place: str, found: str, wanted: str) -> None:
    if not condition:
        raise ValueError(f"{place} is {found}; it must be {wanted}")
