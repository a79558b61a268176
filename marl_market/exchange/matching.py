"""The matching engine: price-time priority in a continuous double auction.

Why events and not callbacks: a function that only writes events cannot be re-entered, and its output can be compared,
stored and replayed. Why orders are found by number alone: an order id ends in the index of its record.

Assumptions: a fill happens at the resting order's price; orders at one price fill in the order of their arrival; the
hidden part of an iceberg waits behind what is displayed at its price, and each refresh of it comes last.
A seat whose icebergs have refreshed `SEAT_REFRESHES` times in a step displays all of the next one's hidden part at
once, which bounds the number of events of a step; in a stream of commands, each command begins the count anew.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.accounts import settle, settle_with_itself
from marl_market.exchange.book import SLOT_MASK, enqueue, find_or_insert_level, first_in, next_in, rank_key
from marl_market.exchange.codes import EventKind, Liquidity, Reason, SelfTrade
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.events import emit, emit_order
from marl_market.exchange.excess import accounts_fit
from marl_market.exchange.open_orders import close_order, limit_reduce_only, may_refresh, open_lots, terminate_order
from marl_market.exchange.records import ASKS, BIDS, NIL, SLOT_BITS, SLOT_OF_REFERENCE

RESTED, FILLED, CANCELED = int(EventKind.RESTED), int(EventKind.FILLED), int(EventKind.CANCELED)
SELF_TRADE = int(Reason.SELF_TRADE)
MAKER, TAKER = int(Liquidity.MAKER), int(Liquidity.TAKER)
CANCEL_RESTING, CANCEL_INCOMING = int(SelfTrade.CANCEL_RESTING), int(SelfTrade.CANCEL_INCOMING)
DECREMENT, ALLOW = int(SelfTrade.DECREMENT), int(SelfTrade.ALLOW)
ONE = np.uint64(1)


@inlined
def limit_key(side, price_ticks):  # type: ignore[no-untyped-def]
    """Return the lowest key of the opposite ladder that an order of `side` at `price_ticks` may trade with."""
    return rank_key(ASKS if side > 0 else BIDS, price_ticks)


@inlined
def rest_order(market, seat_index, slot, quantity_lots, display_lots):  # type: ignore[no-untyped-def]
    """Append `quantity_lots` of the order in `slot` to the queue at its price, displaying `display_lots` (0: all)."""
    seat = market.seat[np.uint64(seat_index)]
    order = seat.order[np.uint64(slot)]
    # Values in variables need no second load after a store, which could be one to the same memory as far as LLVM knows.
    side, price = np.int64(order.side), np.int64(order.price_ticks)
    order_id, client_order_id = order.order_id, order.client_order_id
    ladder = np.int64(BIDS if side > 0 else ASKS)
    displayed = min(quantity_lots, display_lots) if display_lots > 0 else quantity_lots
    order.ladder = ladder
    order.leaves_quantity = displayed
    order.reserve_quantity = quantity_lots - displayed
    order.time_ns = market.time_ns
    seat.live |= ONE << np.uint64(slot)
    seat.account.open_lots[np.uint64(ladder)] += quantity_lots
    place = find_or_insert_level(market.book, ladder, price)
    enqueue(market.book, place, seat_index << SLOT_BITS | slot, order)
    emit(market, RESTED, seat_index, side, price, displayed, quantity_lots, order_id, client_order_id)


@compiled
def refresh_order(market, seat_index, slot, quantity_lots):  # type: ignore[no-untyped-def]
    """Refresh an iceberg whose displayed part is filled from its `quantity_lots` left."""
    seat = market.seat[seat_index]
    display = seat.display_lots[slot] if may_refresh(market, seat) else 0
    rest_order(market, seat_index, slot, quantity_lots, display)


@inlined
def reduce_order(market, seat, order, quantity_lots):  # type: ignore[no-untyped-def]
    """Reduce the displayed quantity of a resting order, which keeps its queue position."""
    market.book.level[np.uint64(order.level)].quantity_lots -= quantity_lots
    order.leaves_quantity -= quantity_lots
    seat.account.open_lots[np.uint64(order.ladder)] -= quantity_lots


@inlined
def consume(market, seat_index, slot, quantity_lots):  # type: ignore[no-untyped-def]
    """Fill `quantity_lots` of a resting order's displayed part: it stays, refreshes from its reserve, or is closed."""
    seat = market.seat[np.uint64(seat_index)]
    order = seat.order[np.uint64(slot)]
    if quantity_lots < order.leaves_quantity:
        reduce_order(market, seat, order, quantity_lots)
    else:
        reserve = order.reserve_quantity
        close_order(market, seat_index, slot, order)
        if reserve > 0:
            refresh_order(market, seat_index, slot, reserve)


@compiled
def prevent_self_trade(market, seat_index, slot, order_id, client_order_id, leaves):  # type: ignore[no-untyped-def]
    """Apply the venue's self-trade prevention; return the incoming order's leaves quantity."""
    policy = market.self_trade
    order = market.seat[seat_index].order[slot]
    if policy == CANCEL_INCOMING or policy == DECREMENT:
        quantity = leaves if policy == CANCEL_INCOMING else min(leaves, order.leaves_quantity)
        leaves -= quantity
        event = emit(
            market, CANCELED, seat_index, -order.side, order.price_ticks, quantity, leaves, order_id, client_order_id
        )
        event.reason = SELF_TRADE
        if policy == DECREMENT:
            left = open_lots(order) - quantity
            order.total_lots -= quantity
            event = emit_order(market, CANCELED, seat_index, order, quantity, left)
            event.reason = SELF_TRADE
            event.liquidity = MAKER
            consume(market, seat_index, slot, quantity)
        return leaves
    terminate_order(market, seat_index, slot, CANCELED, SELF_TRADE)
    return leaves


@inlined
def record_trade(market, price_ticks, side, quantity_lots):  # type: ignore[no-untyped-def]
    """Publish a trade; `side` is the aggressor's, 0 in a call auction."""
    public = market.public
    public.last_trade_ticks = price_ticks
    public.last_aggressor_side = side
    public.step_trades += 1
    public.step_largest_lots = max(public.step_largest_lots, quantity_lots)
    if side != 0:
        public.step_lots[0 if side > 0 else 1] += quantity_lots
    public.session_lots += quantity_lots


@compiled
def may_go_on(market, maker_index, taker_index):  # type: ignore[no-untyped-def]
    """Limit the reduce-only orders of two seats after a fill; return whether the accounts fit, if it is time to check.

    Both are rare, and one comparison tells whether there is any of them to do.
    """
    if market.reducing == 1:
        limit_reduce_only(market, maker_index)
        limit_reduce_only(market, taker_index)
    return market.unchecked_move >= 0 or accounts_fit(market)


@inlined
def match(market, seat_index, side, threshold, quantity_lots, order_id, client_order_id):  # type: ignore[no-untyped-def]
    """Fill an incoming order against opposite levels whose key is at least `threshold`; return its leaves quantity."""
    book = market.book
    taker = market.seat[np.uint64(seat_index)]
    opposite = ASKS if side > 0 else BIDS
    leaves = quantity_lots
    while leaves > 0:
        best = book.best[np.uint64(opposite)]
        if best < threshold:
            break
        reference = first_in(book, best & SLOT_MASK)
        maker_index = reference >> SLOT_BITS
        slot = reference & SLOT_OF_REFERENCE
        own = maker_index == seat_index
        if own and market.self_trade != ALLOW:
            leaves = prevent_self_trade(market, seat_index, slot, order_id, client_order_id, leaves)
            continue
        maker = market.seat[np.uint64(maker_index)]
        resting = maker.order[np.uint64(slot)]
        price = resting.price_ticks
        quantity = min(resting.leaves_quantity, leaves)
        leaves -= quantity
        if own:
            settle_with_itself(market, taker.account, side, price, quantity)
        else:
            settle(market, taker.account, maker.account, side, price, quantity, False, False)
        market.trade_sequence += 1
        trade_id = market.trade_sequence
        left = open_lots(resting) - quantity
        event = emit_order(market, FILLED, maker_index, resting, quantity, left)
        event.trade_id = trade_id
        event.liquidity = MAKER
        event = emit(market, FILLED, seat_index, side, price, quantity, leaves, order_id, client_order_id)
        event.trade_id = trade_id
        event.liquidity = TAKER
        maker.time_of_last_fill_ns = market.time_ns
        taker.time_of_last_fill_ns = market.time_ns
        record_trade(market, price, side, quantity)
        consume(market, maker_index, slot, quantity)
        if (market.unchecked_move | -market.reducing) < 0 and not may_go_on(market, maker_index, seat_index):
            break
    return leaves


@compiled
def can_fill(market, seat_index, side, threshold, quantity_lots):  # type: ignore[no-untyped-def]
    """Return whether an order would fill `quantity_lots` immediately.

    Only under CANCEL_RESTING does it pass an order of its own seat; hidden quantity fills after all displayed quantity.
    """
    book = market.book
    opposite = ASKS if side > 0 else BIDS
    needed = quantity_lots
    for position in range(book.count[opposite] - 1, -1, -1):
        key = book.ladder[opposite, position]
        if key < threshold:
            return False
        reference = first_in(book, key & SLOT_MASK)
        hidden = 0
        while reference != NIL:
            owner = reference >> SLOT_BITS
            order = market.seat[owner].order[reference & SLOT_OF_REFERENCE]
            if owner != seat_index or market.self_trade == ALLOW:
                needed -= order.leaves_quantity
                hidden += order.reserve_quantity
            elif market.self_trade != CANCEL_RESTING:
                return False
            if needed <= 0:
                return True
            reference = next_in(book, reference)
        needed -= hidden
        if needed <= 0:
            return True
    return False
