"""Reduce-only orders in a call auction, where many orders of a seat execute at once.

Assumption: the other orders of a seat that are executable at the uncrossing price count as if all of them were filled
before its reduce-only orders, so that these surely never open a position.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.open_orders import cut_reduce_only, open_lots, reducible_lots
from marl_market.exchange.records import ASKS


@inlined
def is_executable(order, side, price_ticks):  # type: ignore[no-untyped-def]
    """Return whether an open order is one of `side` that may trade at `price_ticks`."""
    return order.ladder <= ASKS and order.side == side and side * (order.price_ticks - price_ticks) >= 0


@compiled
def excess_lots(market, seat_index, side, price_ticks):  # type: ignore[no-untyped-def]
    """Return the lots by which a seat's reduce-only orders exceed its holding, and the slot of the latest of them."""
    seat = market.seat[seat_index]
    excess = -reducible_lots(market.public, seat.account, side)
    reducing, latest = np.int64(0), np.int64(-1)
    slots = seat.live
    while slots != 0:
        slot = np.int64(lowest_bit(slots))
        slots &= slots - np.uint64(1)
        order = seat.order[slot]
        if not is_executable(order, side, price_ticks):
            continue
        excess += open_lots(order)
        if order.reduce_only != 0:
            reducing += open_lots(order)
            if latest < 0 or order.order_id > seat.order[latest].order_id:
                latest = slot
    return min(excess, reducing), latest


@compiled
def limit_executable(market, price_ticks):  # type: ignore[no-untyped-def]
    """Cut the reduce-only orders that could open a position at an uncrossing price; return whether any was cut.

    Of a seat's orders, the latest are cut first.
    """
    cut = False
    for i in range(market.seat_count):
        for side in (1, -1):
            excess, latest = excess_lots(market, i, side, price_ticks)
            while excess > 0:
                cut_reduce_only(market, i, latest, max(open_lots(market.seat[i].order[latest]) - excess, 0))
                cut = True
                excess, latest = excess_lots(market, i, side, price_ticks)
    return cut
