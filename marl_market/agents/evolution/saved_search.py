"""The state of a search as arrays and plain values, and back."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

State = TypeVar("State")


def plain_search(state: Any) -> dict[str, Any]:
    """Return the fields of a state of a search, dataclasses within it as such mappings too."""
    found = {field.name: getattr(state, field.name) for field in fields(state)}
    return {name: plain_search(value) if is_dataclass(value) else _plain(value) for name, value in found.items()}


def restored_search(state: State, plain: Mapping[str, Any]) -> State:
    """Return a state of the type of `state` with the values of a `plain_search`; raises ValueError for other fields."""
    found = {field.name: getattr(state, field.name) for field in fields(state)}  # type: ignore[arg-type]
    if set(found) != set(plain):
        raise ValueError(f"search has {sorted(plain)}; {type(state).__name__} has {sorted(found)}")
    values = {
        name: restored_search(value, plain[name]) if is_dataclass(value) else copy.deepcopy(plain[name])
        for name, value in found.items()
    }
    return replace(state, **values)  # type: ignore[type-var]


def _plain(value: Any) -> Any:
    return dict(copy.deepcopy(value)) if isinstance(value, Mapping) else copy.deepcopy(value)
