"""The displayed quantity of each order, followed event by event to know the displayed quantity that a cancel removes.

Why from events: a cancel carries the remaining quantity, the hidden part of an iceberg included, and an order that
waited for its trigger, or was canceled on arrival, was never in the book.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.codes import EventKind, Liquidity
from marl_market.exchange.compiled import compiled
from marl_market.exchange.records import ASKS, REFERENCE_BITS, SEAT_ORDERS

RESTED, FILLED, CANCELED = int(EventKind.RESTED), int(EventKind.FILLED), int(EventKind.CANCELED)
REPLACED, EXPIRED = int(EventKind.REPLACED), int(EventKind.EXPIRED)
TAKER = int(Liquidity.TAKER)
REFERENCE_MASK = (1 << REFERENCE_BITS) - 1

DISPLAYED = np.dtype(
    [
        ("order_id", np.int64),
        ("displayed_lots", np.int64),
        ("left_lots", np.int64),  # hidden part included
        ("price_ticks", np.int32),
    ],
    align=True,
)


def resting_orders(seat: NDArray[np.void]) -> NDArray[np.bool_]:
    """Return a mask (seats, SEAT_ORDERS) of the orders of seat records (seats,) that rest in the book."""
    open_slots = (seat["live"][:, None] >> np.arange(SEAT_ORDERS, dtype=np.uint64)) & np.uint64(1)
    resting: NDArray[np.bool_] = (open_slots == 1) & (seat["order"]["ladder"] <= ASKS)
    return resting


def displayed_orders(market: Any) -> NDArray[np.void]:
    """Return one DISPLAYED row for each order reference of a market record, zeros without a resting order."""
    order, resting = market["seat"]["order"], resting_orders(market["seat"])
    displayed = np.zeros(order.shape, DISPLAYED)
    displayed["order_id"][resting] = order["order_id"][resting]
    displayed["displayed_lots"][resting] = order["leaves_quantity"][resting]
    displayed["left_lots"][resting] = (order["leaves_quantity"] + order["reserve_quantity"])[resting]
    displayed["price_ticks"][resting] = order["price_ticks"][resting]
    return displayed.ravel()


@compiled
def track_cancellations(events, displayed, lots, price_ticks):  # type: ignore[no-untyped-def]
    """Write the lots and the price of the displayed quantity that each event removes untraded.

    These are cancels, expiries and replacements. `displayed` is updated with the events.
    """
    for i in range(events.size):
        event = events[i]
        kind = event.kind
        if kind != RESTED and kind != FILLED and kind != CANCELED and kind != REPLACED and kind != EXPIRED:
            continue
        order = displayed[event.order_id & REFERENCE_MASK]
        if kind == RESTED:
            order.order_id = event.order_id
            order.displayed_lots = event.quantity_lots
            order.left_lots = event.leaves_quantity
            order.price_ticks = event.price_ticks
        elif order.order_id != event.order_id:
            continue
        elif kind == FILLED:
            if event.liquidity != TAKER:
                order.displayed_lots -= event.quantity_lots
                order.left_lots = event.leaves_quantity
        else:
            kept = max(order.displayed_lots - event.quantity_lots, 0)
            if kind == REPLACED:
                keeps = event.price_ticks == order.price_ticks and event.quantity_lots <= order.left_lots
                kept = min(order.displayed_lots, event.quantity_lots) if keeps else 0
            lots[i] = order.displayed_lots - kept
            price_ticks[i] = order.price_ticks
            order.displayed_lots = kept
            order.left_lots = event.leaves_quantity
