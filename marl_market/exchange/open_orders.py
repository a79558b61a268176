"""Open orders that end or shrink without a trade: canceled, expired, replaced, or beyond what they may reduce.

The displayed part that leaves the book makes an event with the liquidity flag MAKER; the hidden part makes one of its
own before it, without the flag. So the public history is the sum of what the book has displayed.

A reduce-only order never exceeds the holding of its seat that it reduces. Several of them may do so together: after
each fill of the seat, those that exceed what is left of its holding shrink, and end where nothing is left.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.book import dequeue
from marl_market.exchange.codes import EventKind, Liquidity, Reason
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.events import emit_order
from marl_market.exchange.records import ASKS, SEAT_REFRESHES, SLOT_BITS

CANCELED, MAKER = int(EventKind.CANCELED), int(Liquidity.MAKER)
REDUCE_ONLY, REPLACED = int(Reason.REDUCE_ONLY), int(Reason.REPLACED)
ONE = np.uint64(1)


@inlined
def open_lots(order):  # type: ignore[no-untyped-def]
    """Return the open quantity of an order, its hidden part included."""
    return order.leaves_quantity + order.reserve_quantity


@inlined
def close_order(market, seat_index, slot, order):  # type: ignore[no-untyped-def]
    """Remove an open order from its ladder and free its slot."""
    seat = market.seat[np.uint64(seat_index)]
    if order.ladder <= ASKS:
        seat.account.open_lots[np.uint64(order.ladder)] -= open_lots(order)
    dequeue(market.book, seat_index << SLOT_BITS | slot, order)
    seat.live &= ~(ONE << np.uint64(slot))


@inlined
def emit_displayed(market, kind, seat_index, order, displayed_lots, leaves, reason):  # type: ignore[no-untyped-def]
    """Append an event of the displayed part of an order that ends untraded; all of a waiting stop counts as such."""
    event = emit_order(market, kind, seat_index, order, displayed_lots, leaves)
    event.reason = reason
    event.liquidity = MAKER if order.ladder <= ASKS else 0


@compiled
def emit_hidden(market, kind, seat_index, order, hidden_lots, leaves, reason):  # type: ignore[no-untyped-def]
    """Append an event of the hidden part of an order that ends untraded."""
    event = emit_order(market, kind, seat_index, order, hidden_lots, leaves)
    event.reason = reason


@compiled
def terminate_order(market, seat_index, slot, kind, reason):  # type: ignore[no-untyped-def]
    """Close an open order with an event of `kind`, CANCELED or EXPIRED, of each of its parts."""
    order = market.seat[np.uint64(seat_index)].order[np.uint64(slot)]
    close_order(market, seat_index, slot, order)
    if order.reserve_quantity > 0:
        emit_hidden(market, kind, seat_index, order, order.reserve_quantity, order.leaves_quantity, reason)
    emit_displayed(market, kind, seat_index, order, order.leaves_quantity, 0, reason)


@compiled
def shrink(market, seat_index, order, quantity_lots):  # type: ignore[no-untyped-def]
    """Reduce an open order to `quantity_lots` at its queue position, its hidden part first.

    Returns the hidden and the displayed lots that it has lost; there is no event.
    """
    level = market.book.level[order.level]
    surplus = open_lots(order) - quantity_lots
    hidden = min(surplus, order.reserve_quantity)
    displayed = surplus - hidden
    order.total_lots -= surplus
    order.reserve_quantity -= hidden
    level.hidden_lots -= hidden
    order.leaves_quantity -= displayed
    level.quantity_lots -= displayed
    if order.ladder <= ASKS:
        market.seat[seat_index].account.open_lots[order.ladder] -= surplus
    return hidden, displayed


@inlined
def may_refresh(market, seat):  # type: ignore[no-untyped-def]
    """Count a refresh; return whether the seat's icebergs and reduce-only orders have made no more than they may."""
    if seat.refresh_period != market.refresh_period:
        seat.refresh_period = market.refresh_period
        seat.refreshes = 0
    seat.refreshes += 1
    return seat.refreshes <= SEAT_REFRESHES


@inlined
def reducible_lots(public, account, side):  # type: ignore[no-untyped-def]
    """Return the largest quantity that an order of `side` may have if it only reduces the holding of an account."""
    return max(-side * (public.credit.initial_lots + account.position), 0)


@compiled
def cut_reduce_only(market, seat_index, slot, quantity_lots):  # type: ignore[no-untyped-def]
    """Shrink a reduce-only order to `quantity_lots`; cancel it at 0, or where its seat has no refresh left."""
    seat = market.seat[seat_index]
    order = seat.order[slot]
    if quantity_lots == 0 or not may_refresh(market, seat):
        terminate_order(market, seat_index, slot, CANCELED, REDUCE_ONLY)
        return
    hidden, displayed = shrink(market, seat_index, order, quantity_lots)
    if hidden > 0:
        emit_hidden(market, CANCELED, seat_index, order, hidden, quantity_lots + displayed, REDUCE_ONLY)
    if displayed > 0:
        emit_displayed(market, CANCELED, seat_index, order, displayed, quantity_lots, REDUCE_ONLY)


@compiled
def limit_reduce_only(market, seat_index):  # type: ignore[no-untyped-def]
    """Cut every reduce-only order of a seat to what is left of the holding that it reduces."""
    seat = market.seat[seat_index]
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - ONE
        order = seat.order[slot]
        if order.reduce_only != 0:
            most = reducible_lots(market.public, seat.account, np.int64(order.side))
            if open_lots(order) > most:
                cut_reduce_only(market, seat_index, slot, most)


@compiled
def limit_all_reduce_only(market):  # type: ignore[no-untyped-def]
    """Cut the reduce-only orders of every seat, and note whether any is left."""
    remaining = 0
    for i in range(market.seat_count):
        limit_reduce_only(market, i)
        slots = market.seat[i].live
        while slots != 0:
            remaining |= market.seat[i].order[lowest_bit(slots)].reduce_only != 0
            slots &= slots - ONE
    market.reducing = remaining
