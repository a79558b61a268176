"""How action decoders read the numbers of an action, and how much a seat may still trade."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.compiled import inlined
from marl_market.exchange.records import SEAT_ORDERS

ALL_SLOTS = np.uint64((1 << SEAT_ORDERS) - 1)


@inlined
def clipped(value):  # type: ignore[no-untyped-def]
    """Return a number of a continuous action, kept within [-1, 1]."""
    return min(max(np.float64(value), -1.0), 1.0)


@inlined
def choice(value, count):  # type: ignore[no-untyped-def]
    """Return which of `count` choices a number of a discrete action names; what lies beyond them is the nearest."""
    if not value > 0.0:  # NaN too
        return np.int64(0)
    return np.int64(min(np.float64(value) + 0.5, count - 0.5))


@inlined
def between(value, low, high):  # type: ignore[no-untyped-def]
    """Return the place between `low` and `high` that a number in [-1, 1] names."""
    return low + 0.5 * (clipped(value) + 1.0) * (high - low)


@inlined
def room(seat, side, limit):  # type: ignore[no-untyped-def]
    """Return the lots that a seat may still bid for (side +1) or offer (-1) until all of it would pass the limit."""
    return limit - side * seat.account.position - seat.account.open_lots[(1 - side) >> 1]


@inlined
def has_free_slot(seat):  # type: ignore[no-untyped-def]
    """Return whether a seat can have one more open order."""
    return seat.live != ALL_SLOTS
