"""The values that a field of an algorithm may have, declared in its type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, get_args, get_type_hints

from marl_market.market.validation import require_field


@dataclass(frozen=True)
class Range:
    """The values of a field.

    Attributes:
        wanted: the values in words, for the error message.
        contains: whether a value is one of them.
    """

    wanted: str
    contains: Callable[[Any], bool]


Positive = Annotated[float, Range("above zero", lambda value: value > 0)]
NotNegative = Annotated[float, Range("zero or more", lambda value: value >= 0)]
Fraction = Annotated[float, Range("in [0, 1]", lambda value: 0 <= value <= 1)]
Count = Annotated[int, Range("1 or more", lambda value: value >= 1)]
CountOrZero = Annotated[int, Range("zero or more", lambda value: value >= 0)]
Widths = Annotated[
    Sequence[int], Range("one or more widths above zero", lambda value: len(value) > 0 and min(value) > 0)
]


def check_fields(config: Any) -> None:
    """Raise ValueError, naming field and value, unless each field of a dataclass is in the range of its type."""
    for name, (allowed, optional) in _ranges_of(config.__class__).items():
        value = getattr(config, name)
        inside = (optional and value is None) or allowed.contains(value)
        require_field(config, name, inside, allowed.wanted + (" or None" if optional else ""))


@cache
def _ranges_of(kind: Any) -> dict[str, tuple[Range, bool]]:
    """Return the range of each field that declares one, and whether it may be None."""
    found = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        for part in (hint, *get_args(hint)):
            for allowed in getattr(part, "__metadata__", ()):
                found[name] = (allowed, part is not hint and NoneType in get_args(hint))
    return found
