"""The matching engine: price-time priority in a continuous double auction.

Why events and not callbacks: a function that only writes what happened cannot be re-entered, and its output can be
compared, stored and replayed. Why orders are found by number alone: an order id ends in the place of its record.

Assumptions: a fill happens at the resting order's price; orders at one price fill in the order of their arrival; an
incoming order that meets a resting order of its own seat cancels the resting one (self-trade prevention) and goes on;
what a market order does not find is canceled; an order that is rejected changes nothing.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.accounts import settle
from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.book import LOWEST_KEY, RANK_SHIFT, SLOT_MASK, dequeue, enqueue, find_or_insert_level
from marl_market.exchange.compiled import inlined
from marl_market.exchange.events import emit
from marl_market.exchange.records import (
    REFERENCE_BITS,
    SEAT_ORDERS,
    SLOT_BITS,
    SLOT_OF_REFERENCE,
    CommandKind,
    EventKind,
    Liquidity,
    Reason,
)

LIMIT, MARKET = np.int32(CommandKind.LIMIT), np.int32(CommandKind.MARKET)
CANCEL, CANCEL_ALL = np.int32(CommandKind.CANCEL), np.int32(CommandKind.CANCEL_ALL)
ACCEPTED, RESTED, FILLED = int(EventKind.ACCEPTED), int(EventKind.RESTED), int(EventKind.FILLED)
CANCELED, REJECTED = int(EventKind.CANCELED), int(EventKind.REJECTED)
NO_REASON, BY_OWNER, SELF_TRADE = int(Reason.NONE), int(Reason.BY_OWNER), int(Reason.SELF_TRADE)
NO_LIQUIDITY, ORDER_UNKNOWN = int(Reason.NO_LIQUIDITY), int(Reason.ORDER_UNKNOWN)
COMMAND_UNKNOWN, SIDE_UNKNOWN = int(Reason.COMMAND_UNKNOWN), int(Reason.SIDE_UNKNOWN)
QUANTITY_NOT_POSITIVE, QUANTITY_ABOVE_MAXIMUM = int(Reason.QUANTITY_NOT_POSITIVE), int(Reason.QUANTITY_ABOVE_MAXIMUM)
PRICE_OUT_OF_RANGE, TOO_MANY_ORDERS = int(Reason.PRICE_OUT_OF_RANGE), int(Reason.TOO_MANY_ORDERS)
MAKER, TAKER = int(Liquidity.MAKER), int(Liquidity.TAKER)
LOWEST_PRICE = -(2**31)
ONE = np.uint64(1)
REFERENCE_MASK = (1 << REFERENCE_BITS) - 1
ALL_SLOTS = np.uint64((1 << SEAT_ORDERS) - 1)


@inlined
def close_order(market, seat, slot, order):  # type: ignore[no-untyped-def]
    """Take an open order out of the book and free its slot."""
    index = (1 - order.side) >> 1
    seat.account.open_lots[index] -= order.leaves_quantity
    dequeue(market, index, order)
    seat.live &= ~(ONE << np.uint64(slot))


@inlined
def cancel_order(market, seat_index, slot, reason):  # type: ignore[no-untyped-def]
    """Cancel the open order in `slot` of a seat."""
    seat = market.seat[seat_index]
    order = seat.order[slot]
    close_order(market, seat, slot, order)
    emit(
        market,
        CANCELED,
        reason,
        seat_index,
        order.side,
        order.price_ticks,
        order.leaves_quantity,
        0,
        order.order_id,
        order.client_order_id,
        0,
        0,
    )


@inlined
def match(market, seat_index, side, threshold, quantity_lots, order_id, client_order_id):  # type: ignore[no-untyped-def]
    """Fill an incoming order against opposite levels whose key is at least `threshold`; return what is left of it."""
    book = market.book
    taker = market.seat[seat_index]
    opposite = (1 + side) >> 1
    leaves = quantity_lots
    while leaves > 0 and book.count[opposite] > 0:
        best = book.ladder[opposite, book.count[opposite] - 1]
        if best < threshold:
            break
        level = book.level[best & SLOT_MASK]
        reference = level.head
        maker_index = reference >> SLOT_BITS
        slot = reference & SLOT_OF_REFERENCE
        if maker_index == seat_index:
            cancel_order(market, seat_index, slot, SELF_TRADE)
            continue
        maker = market.seat[maker_index]
        resting = maker.order[slot]
        price = resting.price_ticks
        quantity = min(resting.leaves_quantity, leaves)
        leaves -= quantity
        settle(market, taker.account, maker.account, side, price, quantity)
        market.trade_sequence += 1
        trade_id = market.trade_sequence
        left = resting.leaves_quantity - quantity
        emit(
            market,
            FILLED,
            NO_REASON,
            maker_index,
            -side,
            price,
            quantity,
            left,
            resting.order_id,
            resting.client_order_id,
            trade_id,
            MAKER,
        )
        emit(
            market,
            FILLED,
            NO_REASON,
            seat_index,
            side,
            price,
            quantity,
            leaves,
            order_id,
            client_order_id,
            trade_id,
            TAKER,
        )
        maker.time_of_last_fill_ns = market.time_ns
        taker.time_of_last_fill_ns = market.time_ns
        if left == 0:
            close_order(market, maker, slot, resting)
        else:
            resting.leaves_quantity = left
            level.quantity_lots -= quantity
            maker.account.open_lots[opposite] -= quantity
        public = market.public
        public.last_trade_ticks = price
        public.last_aggressor_side = side
        public.step_trades += 1
        public.step_lots[1 - opposite] += quantity
        public.session_lots += quantity
    return leaves


@inlined
def refusal(market, seat, kind, side, price_ticks, quantity_lots):  # type: ignore[no-untyped-def]
    """Return why a new order cannot be accepted, or Reason.NONE."""
    if side != 1 and side != -1:
        return SIDE_UNKNOWN
    if quantity_lots <= 0:
        return QUANTITY_NOT_POSITIVE
    if quantity_lots > market.maximum_quantity:
        return QUANTITY_ABOVE_MAXIMUM
    if kind == LIMIT:
        if price_ticks == LOWEST_PRICE:
            return PRICE_OUT_OF_RANGE
        if seat.live == ALL_SLOTS:
            return TOO_MANY_ORDERS
    return NO_REASON


@inlined
def submit(market, seat_index, kind, side, price_ticks, quantity_lots, client_order_id):  # type: ignore[no-untyped-def]
    """Accept a limit or market order, match it and rest or cancel what is left; return its id, or 0 if rejected."""
    seat = market.seat[seat_index]
    reason = refusal(market, seat, kind, side, price_ticks, quantity_lots)
    if reason != NO_REASON:
        seat.account.rejected += 1
        emit(market, REJECTED, reason, seat_index, side, price_ticks, quantity_lots, 0, 0, client_order_id, 0, 0)
        return np.int64(0)
    market.order_sequence += 1
    slot = 0
    threshold = LOWEST_KEY
    if kind == LIMIT:
        slot = lowest_bit(~seat.live)
        threshold = -np.int64(side) * np.int64(price_ticks) << RANK_SHIFT
    reference = seat_index * SEAT_ORDERS + slot
    order_id = (market.order_sequence << REFERENCE_BITS) | reference
    emit(
        market, ACCEPTED, NO_REASON, seat_index, side, price_ticks, quantity_lots, quantity_lots, order_id,
        client_order_id, 0, 0,
    )  # fmt: skip
    leaves = match(market, seat_index, side, threshold, quantity_lots, order_id, client_order_id)
    if leaves == 0:
        return order_id
    if kind == MARKET:
        emit(
            market, CANCELED, NO_LIQUIDITY, seat_index, side, price_ticks, leaves, 0, order_id, client_order_id, 0, 0
        )  # fmt: skip
        return order_id
    order = seat.order[slot]
    order.order_id = order_id
    order.leaves_quantity = leaves
    order.time_ns = market.time_ns
    order.price_ticks = price_ticks
    order.side = side
    order.client_order_id = client_order_id
    seat.live |= ONE << np.uint64(slot)
    index = (1 - side) >> 1
    seat.account.open_lots[index] += leaves
    enqueue(market, index, find_or_insert_level(market.book, index, side, price_ticks), reference, order)
    emit(market, RESTED, NO_REASON, seat_index, side, price_ticks, leaves, leaves, order_id, client_order_id, 0, 0)
    return order_id


@inlined
def cancel(market, seat_index, order_id):  # type: ignore[no-untyped-def]
    """Cancel an open order of the seat by its id; reject an id that is not open or not its own."""
    seat = market.seat[seat_index]
    reference = order_id & REFERENCE_MASK
    slot = reference & SLOT_OF_REFERENCE
    if (
        reference >> SLOT_BITS == seat_index
        and seat.order[slot].order_id == order_id
        and seat.live & (ONE << np.uint64(slot)) != 0
    ):
        cancel_order(market, seat_index, slot, BY_OWNER)
    else:
        seat.account.rejected += 1
        emit(market, REJECTED, ORDER_UNKNOWN, seat_index, 0, 0, 0, 0, order_id, 0, 0, 0)


@inlined
def cancel_all(market, seat_index):  # type: ignore[no-untyped-def]
    """Cancel every open order of the seat; none is no error."""
    open_orders = market.seat[seat_index].live
    while open_orders != 0:
        cancel_order(market, seat_index, lowest_bit(open_orders), BY_OWNER)
        open_orders &= open_orders - ONE


@inlined
def process(market, seat_index, command):  # type: ignore[no-untyped-def]
    """Carry out one command of a seat."""
    kind = command.kind
    if kind == LIMIT or kind == MARKET:
        submit(
            market,
            seat_index,
            kind,
            command.side,
            command.price_ticks,
            command.quantity_lots,
            command.client_order_id,
        )
    elif kind == CANCEL:
        cancel(market, seat_index, command.order_id)
    elif kind == CANCEL_ALL:
        cancel_all(market, seat_index)
    else:
        market.seat[seat_index].account.rejected += 1
        emit(
            market, REJECTED, COMMAND_UNKNOWN, seat_index, 0, 0, 0, 0, command.order_id, command.client_order_id, 0, 0
        )  # fmt: skip
