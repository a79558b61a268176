"""Exact conversion between decimal amounts at the edge and integers inside."""

from __future__ import annotations

from decimal import Decimal

NANOSECONDS_PER_SECOND = 1_000_000_000


def decimal(value: float | int | str | Decimal) -> Decimal:
    """Return the shortest decimal that prints as `value`, so that 0.01 is one hundredth."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


def to_steps(value: float | int | str | Decimal, size: float | str | Decimal, field: str) -> int:
    """Return the number of whole steps of `size` in `value` (ticks of a price, lots of a quantity).

    Raises ValueError, naming `field`, when `value` is not a whole multiple of `size`.
    """
    count = decimal(value) / decimal(size)
    if count != count.to_integral_value():
        raise ValueError(f"{field} {value} is not a whole multiple of {size}")
    return int(count)


def from_steps(steps: int, size: float | str | Decimal) -> Decimal:
    """Return the exact decimal amount of `steps` steps of `size`."""
    return decimal(size) * steps
