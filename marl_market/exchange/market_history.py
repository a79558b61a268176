"""Market history from a step's events: public events, candles, each seat's fills and its orders' queue positions.

Why a pass of its own: few observations need it, and the matching engine stays lean without it.

The public events add up to the public book. A REST adds its quantity at its price and side, a CANCEL removes it. A
TRADE removes it from the side opposite to its aggressor, or in a call auction from the best bid and the best ask,
whatever its price. All of it is displayed quantity: an iceberg's refresh is one more REST, and a replaced order that
loses its queue position is a CANCEL and a REST. `PUBLIC_EVENTS` of them are kept; `event_count` tells of more.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.book import earlier_in
from marl_market.exchange.codes import EventKind, Liquidity, PublicKind
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.records import ASKS, NIL, PUBLIC_EVENTS, SEAT_FILLS, SLOT_BITS, SLOT_OF_REFERENCE

RESTED, FILLED, CANCELED = int(EventKind.RESTED), int(EventKind.FILLED), int(EventKind.CANCELED)
EXPIRED = int(EventKind.EXPIRED)
MAKER, TAKER, AUCTION = int(Liquidity.MAKER), int(Liquidity.TAKER), int(Liquidity.AUCTION)
ONE = np.uint64(1)
REST, CANCEL, TRADE = int(PublicKind.REST), int(PublicKind.CANCEL), int(PublicKind.TRADE)


@inlined
def begin_candle(candle, price_ticks):  # type: ignore[no-untyped-def]
    """Start a window without trades."""
    candle.open_ticks = price_ticks
    candle.high_ticks = price_ticks
    candle.low_ticks = price_ticks
    candle.close_ticks = price_ticks
    candle.volume_lots = 0


@inlined
def trade_in_candle(candle, price_ticks, quantity_lots):  # type: ignore[no-untyped-def]
    """Add one trade to a window; the first one sets its open."""
    if candle.volume_lots == 0:
        begin_candle(candle, price_ticks)
    candle.high_ticks = max(candle.high_ticks, price_ticks)
    candle.low_ticks = min(candle.low_ticks, price_ticks)
    candle.close_ticks = price_ticks
    candle.volume_lots += quantity_lots


@inlined
def publish_event(public, event, kind, side):  # type: ignore[no-untyped-def]
    """Append one event to the public events."""
    published = public.event[public.event_count % PUBLIC_EVENTS]
    public.event_count += 1
    published.time_ns = event.time_ns
    published.quantity_lots = event.quantity_lots
    published.price_ticks = event.price_ticks
    published.kind = kind
    published.side = side


@inlined
def note_fill(seat, event):  # type: ignore[no-untyped-def]
    """Append one fill to the seat's own."""
    fill = seat.fill[seat.fill_count % SEAT_FILLS]
    seat.fill_count += 1
    fill.time_ns = event.time_ns
    fill.quantity_lots = event.quantity_lots
    fill.price_ticks = event.price_ticks
    fill.side = event.side
    fill.liquidity = event.liquidity


@inlined
def place_in_queue(market, seat_index):  # type: ignore[no-untyped-def]
    """Measure the displayed quantity before each open order of a seat; no order stands before a waiting stop.

    Stops wait unseen, so the number of those that would be triggered first is no public data.
    """
    seat = market.seat[seat_index]
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - ONE
        ahead = np.int64(0)
        resting = seat.order[slot].ladder <= ASKS
        reference = earlier_in(market.book, seat_index << SLOT_BITS | slot) if resting else np.int64(NIL)
        while reference != NIL:
            earlier = market.seat[reference >> SLOT_BITS].order[reference & SLOT_OF_REFERENCE]
            ahead += earlier.leaves_quantity
            reference = earlier_in(market.book, reference)
        seat.ahead_lots[slot] = ahead


@compiled
def add_events(market):  # type: ignore[no-untyped-def]
    """Add the events since the last step to the public events, the forming candles and each seat's fills."""
    public = market.public
    taker = np.int64(0)
    for side in range(2):
        public.step_limit_orders[side], public.step_cancels[side], public.step_market_orders[side] = 0, 0, 0
    for i in range(market.event_count):
        event = market.event[i]
        if event.kind == RESTED:
            public.step_limit_orders[(1 - event.side) >> 1] += 1
            publish_event(public, event, REST, event.side)
        elif (event.kind == EXPIRED or event.kind == CANCELED) and event.liquidity == MAKER:
            public.step_cancels[(1 - event.side) >> 1] += 1
            publish_event(public, event, CANCEL, event.side)
        elif event.kind == FILLED:
            note_fill(market.seat[event.seat], event)
            called = event.liquidity == AUCTION
            if event.liquidity == TAKER and event.order_id != taker:
                taker = event.order_id
                public.step_market_orders[(1 - event.side) >> 1] += 1
            if event.liquidity == TAKER or (called and event.side > 0):  # once a trade
                publish_event(public, event, TRADE, 0 if called else event.side)
                for k in range(public.forming.size):
                    trade_in_candle(public.forming[k], event.price_ticks, event.quantity_lots)
    for i in range(market.seat_count):
        if market.seat[i].tracks_queue == 1:
            place_in_queue(market, i)


@compiled
def update_history(market):  # type: ignore[no-untyped-def]
    """Update public events, candles, fills and queue positions with the events since the last step."""
    public = market.public
    add_events(market)
    for k in range(public.forming.size):
        forming = public.forming[k]
        if public.step % forming.steps == 0:
            closed = public.candle[k]
            closed.open_ticks = forming.open_ticks
            closed.high_ticks = forming.high_ticks
            closed.low_ticks = forming.low_ticks
            closed.close_ticks = forming.close_ticks
            closed.volume_lots = forming.volume_lots
            begin_candle(forming, forming.close_ticks)
