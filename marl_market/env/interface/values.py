"""Values of observations and actions: the name, the unit and the bounds of each number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from marl_market.market.validation import require

PRICE_SCALES, SIZE_SCALES, PRICE_TIMES_SIZE = "price scales", "size scales", "price scales x size scales"


class Value(NamedTuple):
    """One number of an observation or an action.

    Attributes:
        name: unique within its part.
        unit: what one is.
        low: smallest value that it can have; minus infinity without a bound.
        high: largest value that it can have; infinity without a bound.
    """

    name: str
    unit: str
    low: float = -math.inf
    high: float = math.inf


def lot_share(name: str) -> Value:
    """Return the value of a quantity, lots / (lots + size scale)."""
    return Value(name, "lots / (lots + size scale)", 0.0, 1.0)


def side(name: str) -> Value:
    """Return the value of a side: 1 buys, -1 sells, 0 for none."""
    return Value(name, "side", -1.0, 1.0)


def recency(name: str) -> Value:
    """Return the value of a recency, 1 / age."""
    return Value(name, "1 / steps", 0.0, 1.0)


def repeated(prefixes: Iterable[str], values: Sequence[Value]) -> tuple[Value, ...]:
    """Return `values` once for each prefix, "<prefix>_<name>"."""
    return tuple(value._replace(name=f"{prefix}_{value.name}") for prefix in prefixes for value in values)


def values_of(part: Any, key: str) -> tuple[Value, ...]:
    """Return the values of a part of an observation, or of an action, by its attribute `values`.

    A part without that attribute has values "0", "1" and so on, without unit or bound. Raises ConfigError, naming the
    config `key`, for another number of values than the part's `size`.
    """
    values: tuple[Value, ...] | None = getattr(part, "values", None)
    if values is None:
        return tuple(Value(str(index), "") for index in range(part.size))
    require(len(values) == part.size, f"number of values of {key}", len(values), f"its size, {part.size}")
    return tuple(values)
