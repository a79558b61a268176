"""Validation of config values."""

from __future__ import annotations

import math
from numbers import Integral, Real


class SpecError(ValueError):
    """A market spec field has a value no market can have."""


def is_number(value: object) -> bool:
    """Return whether `value` is a finite number; a config value may be of any type."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: object, least: int) -> bool:
    """Return whether `value` is a whole number of `least` or more."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def require(condition: bool, field_name: str, value: object, wanted: str) -> None:
    """Raise SpecError, naming the field, its value and what is wanted, unless `condition` holds."""
    if not condition:
        raise SpecError(f"market.{field_name} is {value!r}; it must be {wanted}")
