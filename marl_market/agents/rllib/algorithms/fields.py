"""The values that a field of an algorithm may have, declared in its type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, get_args, get_type_hints

from marl_market.agents.rllib.learners.schedule import FORM, ScheduledValue, is_schedule
from marl_market.market.validation import is_number, is_whole, require_field


@dataclass(frozen=True)
class Range:
    """The values of a field.

    Attributes:
        wanted: the values in words, for the error message.
        contains: whether a value, of any type, is one of them.
    """

    wanted: str
    contains: Callable[[Any], bool]


def number_where(wanted: str, contains: Callable[[float], bool]) -> Range:
    """Return the range of finite numbers that satisfy `contains`."""
    return Range(wanted, lambda value: is_number(value) and contains(value))


def scheduled_where(wanted: str, contains: Callable[[float], bool]) -> Range:
    """Return the range of such numbers and of schedules of them."""
    return Range(f"{wanted}, {FORM}", lambda value: is_schedule(value, contains))


def _is_widths(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) > 0 and all(is_whole(width, 1) for width in value)


Positive = Annotated[float, number_where("a number above zero", lambda value: value > 0)]
NotNegative = Annotated[float, number_where("a number of zero or more", lambda value: value >= 0)]
Fraction = Annotated[float, number_where("a number in [0, 1]", lambda value: 0 <= value <= 1)]
Rate = Annotated[float, number_where("a number above zero and up to 1", lambda value: 0 < value <= 1)]
Number = Annotated[float, number_where("a finite number", lambda value: True)]
Count = Annotated[int, Range("a whole number, 1 or more", lambda value: is_whole(value, 1))]
CountOrZero = Annotated[int, Range("a whole number, zero or more", lambda value: is_whole(value, 0))]
Switch = Annotated[bool, Range("true or false", lambda value: isinstance(value, bool))]
Widths = Annotated[Sequence[int], Range("a list of one or more whole widths above zero", _is_widths)]
ScheduledRate = Annotated[
    ScheduledValue, scheduled_where("a number above zero and up to 1", lambda value: 0 < value <= 1)
]
DecayingRate = Annotated[ScheduledValue, scheduled_where("a number in [0, 1]", lambda value: 0 <= value <= 1)]
ScheduledNotNegative = Annotated[ScheduledValue, scheduled_where("a number of zero or more", lambda value: value >= 0)]


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
