"""What is said of a market spec that describes no market."""

from __future__ import annotations


class SpecError(ValueError):
    """A market spec field has a value no market can have."""


def require(condition: bool, field_name: str, value: object, wanted: str) -> None:
    """Raise SpecError, naming the field, its value and what is wanted, unless `condition` holds."""
    if not condition:
        raise SpecError(f"market.{field_name} is {value!r}; it must be {wanted}")
