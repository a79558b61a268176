"""Validation of config values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from numbers import Integral, Real


class ConfigError(ValueError):
    """A config value is invalid."""


def is_number(value: object) -> bool:
    """Return whether `value` is a finite number; a config value may be of any type."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: object, least: int) -> bool:
    """Return whether `value` is an integer of `least` or more."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def require(condition: bool, name: str, value: object, wanted: str) -> None:
    """Raise ConfigError with the config key `name`, its value and the wanted one, unless `condition` holds."""
    if not condition:
        raise ConfigError(f"{name} is {value!r}; it must be {wanted}")


def require_field(config: object, name: str, condition: bool, wanted: str) -> None:
    """Raise ConfigError with the class and the field `name` of `config`, its value and the wanted one, likewise."""
    require(condition, f"{type(config).__name__}.{name}", getattr(config, name), wanted)


def require_instance(name: str, value: object, wanted: str, attributes: Sequence[str]) -> None:
    """Raise ConfigError unless `value` is no class and has the `attributes` of what is `wanted`."""
    if isinstance(value, type):
        raise ConfigError(f"{name} is the class {value.__name__}; it must be an instance, {value.__name__}(...)")
    missing = [each for each in attributes if not hasattr(value, each)]
    if missing:
        raise ConfigError(f"{name} is {value!r:.80}, without {' and '.join(missing)}; it must be {wanted}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question whether one of up to three `known` names was meant, empty if none is similar."""
    near = get_close_matches(name, list(known), 3)
    return f"did you mean {' or '.join(near)}?" if near else ""
