"""Conversions of action numbers in decoders, and the quantity that a position limit leaves."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.compiled import inlined
from marl_market.exchange.records import SEAT_ORDERS

ALL_SLOTS = np.uint64((1 << SEAT_ORDERS) - 1)


@inlined
def clipped(value):  # type: ignore[no-untyped-def]
    """Return a number of a continuous action, clipped to [-1, 1]."""
    return min(max(np.float64(value), -1.0), 1.0)


@inlined
def choice(value, count):  # type: ignore[no-untyped-def]
    """Return the nearest of the choices 0 to `count` - 1 to a number of a discrete action."""
    if not value > 0.0:  # NaN too
        return np.int64(0)
    return np.int64(min(np.float64(value) + 0.5, count - 0.5))


@inlined
def rescale(value, low, high):  # type: ignore[no-untyped-def]
    """Return a number in [-1, 1], clipped to it, mapped linearly to `low` to `high`."""
    return low + 0.5 * (clipped(value) + 1.0) * (high - low)


@inlined
def room(seat, side, limit):  # type: ignore[no-untyped-def]
    """Return the lots of new orders of a side (+1 buys, -1 sells) within the position limit if all open ones fill."""
    return limit - side * seat.account.position - seat.account.open_lots[(1 - side) >> 1]


@inlined
def has_free_slot(seat):  # type: ignore[no-untyped-def]
    """Return whether a seat has a slot for one more open order."""
    return seat.live != ALL_SLOTS
