"""Events out: the record of everything that the exchange did since the last step began."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.compiled import inlined


@inlined
def emit(market, kind, seat_index, side, price_ticks, quantity_lots, leaves_quantity, order_id, client_order_id):  # type: ignore[no-untyped-def]
    """Append an event and return it; the caller sets those of its last fields that are not 0."""
    event = market.event[np.uint64(market.event_count)]
    market.event_count += 1
    event.time_ns = market.time_ns
    event.order_id = order_id
    event.quantity_lots = quantity_lots
    event.leaves_quantity = leaves_quantity
    event.seat = seat_index
    event.price_ticks = price_ticks
    event.client_order_id = client_order_id
    event.kind = kind
    event.side = side
    event.trade_id = 0
    event.reason = 0
    event.liquidity = 0
    return event


@inlined
def emit_order(market, kind, seat_index, order, quantity_lots, leaves_quantity):  # type: ignore[no-untyped-def]
    """Append an event of an order that has a record, and return it as `emit` does."""
    return emit(
        market, kind, seat_index, order.side, order.price_ticks, quantity_lots, leaves_quantity, order.order_id,
        order.client_order_id,
    )  # fmt: skip
