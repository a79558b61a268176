"""The identity of a run: all that must not change while it goes on, derived from the fields of what describes it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from marl_market.env.environment import EnvironmentSpec
from marl_market.training.settings import Training

MAY_CHANGE = {
    "training.iterations",
    "training.threads",
    "training.torch_threads",
    "training.checkpoint_every",
    "training.evaluation_seeds",
    "training.validate_every",
    "training.validation_sessions",
    "training.patience",
    "training.reference",
    "training.workers",
    "training.address",
    "training.worker_timeout",
    "training.device",
    "market.provenance",
    "debug",
}
"""Keys that may change while a run goes on: how long, where and how it computes, and the notes on its market."""

KEYS = {"spec": "market"}
"""Config keys of the fields of an EnvironmentSpec that are named otherwise."""


def identity_of(environment: EnvironmentSpec, training: Training, seed: int) -> dict[str, str]:
    """Return all that must not change during a run, by config key."""
    described = {KEYS.get(field.name, field.name): getattr(environment, field.name) for field in fields(environment)}
    population = {group.name: _fields(group, without="name") for group in described.pop("groups")}
    described = {"seed": seed, "training": _fields(training), "population": population, **described}
    return {name: text for key, value in described.items() for name, text in _leaves(key, value)}


def _fields(value: Any, without: str = "") -> dict[str, Any]:
    """Return the fields of a dataclass by name."""
    return {field.name: getattr(value, field.name) for field in fields(value) if field.name != without}


def _leaves(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield the leaves of a value, each under its dotted name."""
    if name in MAY_CHANGE:
        return
    if is_dataclass(value) and not isinstance(value, type):
        yield name, type(value).__name__
        parts: Mapping[Any, object] = _fields(value)
    elif isinstance(value, Mapping):
        yield name, ", ".join(map(str, value))
        parts = value
    elif isinstance(value, list | tuple) and not all(isinstance(each, int | float | str | None) for each in value):
        yield name, f"{len(value)} values"
        parts = dict(enumerate(value))
    else:
        yield name, _text(value)
        return
    for key, part in parts.items():
        yield from _leaves(f"{name}.{key}", part)


def _text(value: object) -> str:
    """Return a text that is the same in every process, and another one for another value."""
    if isinstance(value, np.ndarray):
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
        return f"{value.dtype} {value.shape} {content}"
    if type(value).__repr__ is object.__repr__:  # It would be an address.
        return f"{type(value).__name__}({', '.join(f'{key}={_text(each)}' for key, each in _attributes(value))})"
    if callable(value):
        return str(getattr(value, "__qualname__", repr(value)))
    return repr(list(value)) if isinstance(value, list | tuple) else repr(value)


def _attributes(value: object) -> list[tuple[str, object]]:
    return sorted(getattr(value, "__dict__", {}).items())
