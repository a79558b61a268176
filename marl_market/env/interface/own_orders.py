"""The order of a seat's own orders, in observations and in actions."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.compiled import compiled
from marl_market.exchange.records import ASKS, BIDS

OWN_ORDERS = 4
"""Own orders of each side that observations show and actions can name."""


@compiled
def next_own_order(seat, side, after):  # type: ignore[no-untyped-def]
    """Return the slot of the resting order of `side` that follows the one in slot `after`, or -1 if none does.

    The best price comes first, then the earliest order; an `after` of -1 asks for the first. Stop orders that wait for
    their trigger are left out.
    """
    ladder = BIDS if side > 0 else ASKS
    found = np.int64(-1)
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        if seat.order[slot].ladder != ladder:
            continue
        if after >= 0 and not comes_before(seat, after, slot):
            continue
        if found < 0 or comes_before(seat, slot, found):
            found = slot
    return found


@compiled
def comes_before(seat, slot, other):  # type: ignore[no-untyped-def]
    """Return whether the order in `slot` has a better price than the one in `other`, or the same and is earlier."""
    order, second = seat.order[slot], seat.order[other]
    advantage = np.int64(order.side) * (np.int64(order.price_ticks) - np.int64(second.price_ticks))
    return advantage > 0 or (advantage == 0 and order.order_id < second.order_id)


@compiled
def own_order(seat, index):  # type: ignore[no-untyped-def]
    """Return the slot of own order `index` (bids from 0 on, asks from OWN_ORDERS on), or -1 if there is none."""
    side = 1 if index < OWN_ORDERS else -1
    slot = next_own_order(seat, side, np.int64(-1))
    for _ in range(index % OWN_ORDERS):
        if slot >= 0:
            slot = next_own_order(seat, side, slot)
    return slot
