"""Checks of the arguments of `Exchange`: ValueError naming the argument, its value and what would be right."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.codes import TimeInForce
from marl_market.market.units import decimal, from_steps

HIGHEST_QUANTITY = 2**63 - 1

Amount = Decimal | float | int | str

RANGES = {
    "client_order_id": (-(2**31), 2**31 - 1),
    "lifetime_steps": (0, 2**31 - 1),
    "order_id": (-(2**63), 2**63 - 1),
}
"""Ranges of the arguments that are plain whole numbers."""


def checked(name: str, value: Any) -> int:
    """Return the value of a field of a command; raises ValueError, naming it, for one of another type or range."""
    if name in RANGES:
        return whole_number(name, value, *RANGES[name])
    if name in ("reduce_only", "counts_filled") and not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} is {value!r}; it must be true or false")
    if name == "time_in_force" and not (is_whole(value) and value in list(TimeInForce)):
        raise ValueError(
            f"time_in_force is {value!r}; it must be a TimeInForce, {min(TimeInForce)} to {max(TimeInForce)}"
        )
    return checked_side(value) if name == "side" else int(value)


def checked_side(side: Any) -> int:
    """Return a side as a whole number; raises ValueError for what is none."""
    if not is_whole(side) or side not in (1, -1):
        raise ValueError(f"side is {side!r}; it must be Side.BUY (1) or Side.SELL (-1)")
    return int(side)


def is_whole(value: Any) -> bool:
    """Return whether a value is of a type of whole numbers."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def whole_number(field: str, value: Any, low: int, high: int) -> int:
    """Return a whole number; raises ValueError, naming `field`, for another type or out of its range."""
    if not is_whole(value) or not low <= value <= high:
        raise ValueError(f"{field} is {value!r}; it must be a whole number from {low} to {high}")
    return int(value)


def steps(field: str, amount: Amount, size_field: str, size: float, highest: int) -> int:
    """Return the number of whole steps in `amount`, such as the ticks of a price.

    Raises ValueError, naming `field` and `size_field`, where it is no number, lies between two steps or beyond
    `highest` of them.
    """
    try:
        if isinstance(amount, bool):
            raise TypeError
        count = decimal(amount) / decimal(size)
    except (InvalidOperation, TypeError, ValueError):
        raise ValueError(f"{field} is {amount!r}; it must be a number") from None
    if not count.is_finite() or count != count.to_integral_value():
        raise ValueError(f"{field} is {amount}; it must be a whole multiple of the {size_field} {decimal(size)}")
    if abs(count) > highest:
        raise ValueError(f"{field} is {amount}; it must be at most {from_steps(highest, size)} from zero")
    return int(count)


def check_arrays(seats: Any, commands: Any, time_ns: Any, clock_ns: int) -> None:
    """Raise ValueError for what are no arrays of a stream, and for times that fall or lie before the clock."""
    given = {"seats": seats, "commands": commands} | ({} if time_ns is None else {"time_ns": time_ns})
    for name, array in given.items():
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{name} is {array!r}; it must be an array")
    if not np.issubdtype(seats.dtype, np.integer):
        raise ValueError(f"seats is of {seats.dtype}; it must be of whole numbers")
    if time_ns is not None:
        check_times(time_ns, clock_ns)


def check_times(time_ns: NDArray[np.int64], clock_ns: int) -> None:
    """Raise ValueError for times of another type, and for those that fall or lie before the clock."""
    if time_ns.dtype != np.int64:
        raise ValueError(f"time_ns is of {time_ns.dtype}; it must be of int64")
    earlier = np.concatenate([[clock_ns], time_ns.ravel()[:-1]])
    falls = np.flatnonzero(time_ns.ravel() < earlier[: time_ns.size])
    if falls.size:
        number = falls[0]
        wanted = f"it must be {earlier[number]} or later, as the clock or the command before it"
        raise ValueError(f"time_ns of command {number} is {time_ns.ravel()[number]}; {wanted}")
