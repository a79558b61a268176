"""Events out: the record of everything the exchange did since the last step began."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.compiled import inlined


@inlined
def emit(  # type: ignore[no-untyped-def]
    market,
    kind,
    reason,
    seat,
    side,
    price_ticks,
    quantity_lots,
    leaves_quantity,
    order_id,
    client_order_id,
    trade_id,
    liquidity,
):
    """Append one event."""
    event = market.event[np.uint64(market.event_count)]
    market.event_count += 1
    event.time_ns = market.time_ns
    event.order_id = order_id
    event.trade_id = trade_id
    event.quantity_lots = quantity_lots
    event.leaves_quantity = leaves_quantity
    event.seat = seat
    event.price_ticks = price_ticks
    event.client_order_id = client_order_id
    event.kind = kind
    event.reason = reason
    event.side = side
    event.liquidity = liquidity
