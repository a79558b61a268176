"""Order entry: process commands from their arrival until the order is filled, rests, waits or is terminated.

Assumptions: an order that is rejected changes nothing; the remainder of an order that may not rest is canceled; a
replaced order keeps its id, and its queue position only when its quantity falls at the same price. The quantity of a
replacement is what is then open, or with `counts_filled` what is then open and filled; where all of that is filled
already, the order is canceled. A reduce-only order is accepted for at most the holding that it reduces.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.admission import (
    CONTINUOUS,
    HALTED,
    LIMIT,
    MARKET,
    MARKET_HALTED,
    POST_ONLY,
    STOP,
    STOP_LIMIT,
    WOULD_TAKE,
    allowed_lots,
    is_plain,
    keeps_slot,
    price_rejection,
    quantity_rejection,
    rejection_reason,
    trigger_rejection,
    would_take,
)
from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.book import SLOT_MASK, enqueue, find_or_insert_level, first_in
from marl_market.exchange.codes import CommandKind, EventKind, Reason, SelfTrade
from marl_market.exchange.commands import NEWEST_ORDER
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.credit import credit_rejection
from marl_market.exchange.events import emit, emit_order
from marl_market.exchange.execution import cancel_remainder, decremented_lots, execute_again, match_order, reject
from marl_market.exchange.matching import rest_order
from marl_market.exchange.open_orders import (
    close_order,
    emit_displayed,
    open_lots,
    reducible_lots,
    shrink,
    terminate_order,
)
from marl_market.exchange.records import (
    ASKS,
    BUY_STOPS,
    NO_LAST_STEP,
    REFERENCE_BITS,
    SELL_STOPS,
    SLOT_BITS,
    SLOT_OF_REFERENCE,
)

CANCEL, CANCEL_ALL, REPLACE = int(CommandKind.CANCEL), int(CommandKind.CANCEL_ALL), int(CommandKind.REPLACE)
ACCEPTED, CANCELED = int(EventKind.ACCEPTED), int(EventKind.CANCELED)
REPLACED, TRIGGERED = int(EventKind.REPLACED), int(EventKind.TRIGGERED)
NO_REASON, BY_OWNER = int(Reason.NONE), int(Reason.BY_OWNER)
ORDER_UNKNOWN, COMMAND_UNKNOWN = int(Reason.ORDER_UNKNOWN), int(Reason.COMMAND_UNKNOWN)
REPLACEMENT, DECREMENT = int(Reason.REPLACED), int(SelfTrade.DECREMENT)
REFERENCE_MASK = (1 << REFERENCE_BITS) - 1
ONE = np.uint64(1)


@compiled
def await_trigger(market, seat_index, slot, quantity_lots):  # type: ignore[no-untyped-def]
    """Insert the stop order in `slot` into the ladder of its trigger."""
    seat = market.seat[seat_index]
    order = seat.order[slot]
    order.ladder = BUY_STOPS if order.side > 0 else SELL_STOPS
    order.leaves_quantity = quantity_lots
    order.reserve_quantity = 0
    seat.live |= ONE << np.uint64(slot)
    place = find_or_insert_level(market.book, order.ladder, order.trigger_ticks)
    enqueue(market.book, place, seat_index << SLOT_BITS | slot, order)


@inlined
def accept(market, seat_index, slot, command, quantity):  # type: ignore[no-untyped-def]
    """Accept a new order for `quantity` lots, which may rest in `slot` (-1: none); return its id."""
    seat = market.seat[np.uint64(seat_index)]
    seat.order_sequence += 1
    order_id = (seat.order_sequence << REFERENCE_BITS) | (seat_index << SLOT_BITS) | max(slot, 0)
    account = seat.account
    account.accepted += 1
    account.ordered_lots += quantity
    emit(
        market, ACCEPTED, seat_index, command.side, command.price_ticks, quantity, quantity, order_id,
        command.client_order_id,
    )  # fmt: skip
    return order_id


@inlined
def write_order(market, seat_index, slot, order_id, command, total_lots):  # type: ignore[no-untyped-def]
    """Write a new order into its slot, once it has been matched; it was accepted for `total_lots`."""
    order = market.seat[np.uint64(seat_index)].order[np.uint64(slot)]
    order.order_id = order_id
    order.total_lots = total_lots
    order.time_ns = market.time_ns
    order.price_ticks = command.price_ticks
    order.trigger_ticks = command.trigger_ticks
    order.client_order_id = command.client_order_id
    order.kind = command.kind
    order.side = command.side
    order.time_in_force = command.time_in_force
    order.reduce_only = 0
    order.is_iceberg = 0
    order.last_step = NO_LAST_STEP
    special = command.display_lots | command.lifetime_steps | command.reduce_only
    if special | (market.self_trade == DECREMENT) != 0:
        write_special(market, market.seat[np.uint64(seat_index)], slot, command)


@compiled
def write_special(market, seat, slot, command):  # type: ignore[no-untyped-def]
    """Write what only some orders have: a displayed part, a lifetime, lots that self-trade prevention has canceled."""
    order = seat.order[slot]
    if market.self_trade == DECREMENT:
        order.total_lots -= decremented_lots(market, order.order_id)
    order.reduce_only = command.reduce_only
    order.is_iceberg = command.display_lots > 0
    if command.display_lots > 0:
        seat.display_lots[slot] = command.display_lots
    if command.lifetime_steps > 0:
        order.last_step = min(market.public.step + command.lifetime_steps, NO_LAST_STEP - 1)
        market.expiring = 1


@inlined
def submit(market, seat_index, command):  # type: ignore[no-untyped-def]
    """Accept or reject a new limit or market order and match it."""
    seat = market.seat[np.uint64(seat_index)]
    kind, quantity = command.kind, command.quantity_lots
    if not is_plain(market, seat, kind, command):
        quantity = allowed_lots(market, seat, command)
        reason = rejection_reason(market, seat_index, command, quantity)
        if reason != NO_REASON:
            reject(market, seat_index, command, reason)
            return
    slot = lowest_bit(~seat.live) if keeps_slot(kind, command.time_in_force) else np.int64(-1)
    order_id = accept(market, seat_index, slot, command, quantity)
    side, price, client_order_id = np.int64(command.side), np.int64(command.price_ticks), command.client_order_id
    leaves = match_order(market, seat_index, kind, side, price, quantity, order_id, client_order_id)
    if leaves == 0:
        return
    if slot >= 0:
        write_order(market, seat_index, slot, order_id, command, quantity)
        rest_order(market, seat_index, slot, leaves, command.display_lots)
    else:
        cancel_remainder(market, seat_index, side, price, leaves, order_id, client_order_id)


@compiled
def submit_stop(market, seat_index, command):  # type: ignore[no-untyped-def]
    """Accept or reject a new stop order."""
    quantity = allowed_lots(market, market.seat[seat_index], command)
    reason = rejection_reason(market, seat_index, command, quantity)
    if reason != NO_REASON:
        reject(market, seat_index, command, reason)
        return
    slot = lowest_bit(~market.seat[seat_index].live)
    order_id = accept(market, seat_index, slot, command, quantity)
    write_order(market, seat_index, slot, order_id, command, quantity)
    await_trigger(market, seat_index, slot, quantity)


@inlined
def next_triggered(market):  # type: ignore[no-untyped-def]
    """Return the reference of the next stop order that the last price triggers, or -1."""
    book = market.book
    last = market.public.last_trade_ticks
    if book.count[BUY_STOPS] > 0:
        place = book.best[BUY_STOPS] & SLOT_MASK
        if book.level[place].price_ticks <= last:
            return first_in(book, place)
    if book.count[SELL_STOPS] > 0:
        place = book.best[SELL_STOPS] & SLOT_MASK
        if book.level[place].price_ticks >= last:
            return first_in(book, place)
    return np.int64(-1)


@compiled
def trigger_stops(market):  # type: ignore[no-untyped-def]
    """Execute every triggered stop order, those that they trigger in turn included."""
    while True:
        reference = next_triggered(market)
        if reference < 0:
            return
        seat_index = reference >> SLOT_BITS
        slot = reference & SLOT_OF_REFERENCE
        order = market.seat[seat_index].order[slot]
        quantity = order.leaves_quantity
        close_order(market, seat_index, slot, order)
        emit_order(market, TRIGGERED, seat_index, order, quantity, quantity)
        kind = MARKET if order.kind == STOP else LIMIT
        kept = slot if keeps_slot(kind, order.time_in_force) else np.int64(-1)
        execute_again(
            market, seat_index, kept, kind, order.side, order.price_ticks, quantity, order.order_id,
            order.client_order_id,
        )  # fmt: skip


@inlined
def own_open_slot(market, seat_index, order_id):  # type: ignore[no-untyped-def]
    """Return the slot of the seat's open order of an id, or -1 where the seat has none."""
    seat = market.seat[seat_index]
    reference = order_id & REFERENCE_MASK
    slot = reference & SLOT_OF_REFERENCE
    if reference >> SLOT_BITS != seat_index or seat.order[slot].order_id != order_id:
        return np.int64(-1)
    if seat.live & (ONE << np.uint64(slot)) == 0:
        return np.int64(-1)
    return np.int64(slot)


@compiled
def newest_slot(market, seat_index):  # type: ignore[no-untyped-def]
    """Return the slot of the order that a seat sent last, or -1 where that is not open."""
    seat = market.seat[seat_index]
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - ONE
        if seat.order[slot].order_id >> REFERENCE_BITS == seat.order_sequence:
            return np.int64(slot)
    return np.int64(-1)


@inlined
def cancel(market, seat_index, command):  # type: ignore[no-untyped-def]
    """Cancel an open order of the seat by its id, or its newest one by NEWEST_ORDER."""
    slot = own_open_slot(market, seat_index, command.order_id)
    if slot < 0 and command.order_id == NEWEST_ORDER:
        slot = newest_slot(market, seat_index)
    if slot < 0:
        reject(market, seat_index, command, ORDER_UNKNOWN)
    else:
        terminate_order(market, seat_index, slot, CANCELED, BY_OWNER)


@compiled
def cancel_all(market, seat_index, reason):  # type: ignore[no-untyped-def]
    """Cancel every open order of the seat, if any, for `reason`."""
    open_orders = market.seat[seat_index].live
    while open_orders != 0:
        terminate_order(market, seat_index, lowest_bit(open_orders), CANCELED, reason)
        open_orders &= open_orders - ONE


@inlined
def replace_rejection(market, order, command):  # type: ignore[no-untyped-def]
    """Return the rejection reason of a replace command, or Reason.NONE."""
    if market.phase == HALTED:
        return MARKET_HALTED
    reason = quantity_rejection(market, command.quantity_lots)
    if reason == NO_REASON and order.kind != STOP:
        reason = price_rejection(market, command.price_ticks, command.quantity_lots)
    if reason == NO_REASON and order.ladder > ASKS:
        trigger = command.trigger_ticks if command.sets_trigger != 0 else order.trigger_ticks
        reason = trigger_rejection(market, trigger, command.quantity_lots)
    if reason != NO_REASON or order.time_in_force != POST_ONLY or market.phase != CONTINUOUS:
        return reason
    return WOULD_TAKE if would_take(market, order.side, command.price_ticks) else NO_REASON


@inlined
def replaced_lots(market, account, order, command):  # type: ignore[no-untyped-def]
    """Return what a replacement leaves open of an order; 0 or less where more than its total is filled already."""
    quantity = command.quantity_lots
    if command.counts_filled != 0:
        quantity -= order.total_lots - open_lots(order)
    if order.reduce_only != 0:
        quantity = min(quantity, reducible_lots(market.public, account, np.int64(order.side)))
    return quantity


@compiled
def replace(market, seat_index, command):  # type: ignore[no-untyped-def]
    """Replace the price or the quantity of an open order; of a waiting stop also the trigger, if the command sets it.

    The price of a stop order without one stays as it is.
    """
    slot = own_open_slot(market, seat_index, command.order_id)
    if slot < 0:
        reject(market, seat_index, command, ORDER_UNKNOWN)
        return
    seat = market.seat[seat_index]
    order = seat.order[slot]
    waiting = order.ladder > ASKS
    price = order.price_ticks if order.kind == STOP else command.price_ticks
    trigger = command.trigger_ticks if waiting and command.sets_trigger != 0 else order.trigger_ticks
    quantity = replaced_lots(market, seat.account, order, command)
    keeps = price == order.price_ticks and trigger == order.trigger_ticks and quantity <= open_lots(order)
    reason = replace_rejection(market, order, command)
    if reason == NO_REASON and market.limits_orders == 1 and not keeps:
        reserved = 2 * np.int64(trigger if order.kind == STOP else price)
        reduces = order.reduce_only != 0
        reason = credit_rejection(market.public, seat, np.int64(order.side), quantity, reserved, slot, reduces)
    if reason != NO_REASON:
        reject(market, seat_index, command, reason)
    elif quantity <= 0:
        terminate_order(market, seat_index, slot, CANCELED, BY_OWNER)
    else:
        carry_out_replacement(market, seat_index, slot, price, trigger, quantity, keeps)


@compiled
def carry_out_replacement(market, seat_index, slot, price_ticks, trigger_ticks, quantity_lots, keeps):  # type: ignore[no-untyped-def]
    """Replace the order in `slot`, which `keeps` its queue position or loses it and may trade again.

    What it displayed and no longer does makes an event of its own, for the public history.
    """
    seat = market.seat[seat_index]
    order = seat.order[slot]
    seat.account.accepted += 1
    seat.account.ordered_lots += quantity_lots - open_lots(order)
    waiting, gone = order.ladder > ASKS, order.leaves_quantity
    if keeps:
        _, gone = shrink(market, seat_index, order, quantity_lots)
    else:
        close_order(market, seat_index, slot, order)
        order.total_lots += quantity_lots - open_lots(order)
    if gone > 0 and not waiting:
        emit_displayed(market, CANCELED, seat_index, order, gone, quantity_lots, REPLACEMENT)
    order.price_ticks = price_ticks
    order.trigger_ticks = trigger_ticks
    emit_order(market, REPLACED, seat_index, order, quantity_lots, quantity_lots)
    if keeps:
        return
    if waiting:
        await_trigger(market, seat_index, slot, quantity_lots)
    else:
        execute_again(
            market, seat_index, slot, LIMIT, order.side, price_ticks, quantity_lots, order.order_id,
            order.client_order_id,
        )  # fmt: skip


@compiled
def process_rare(market, seat_index, command):  # type: ignore[no-untyped-def]
    """Process a command of one of the rarer kinds."""
    kind = command.kind
    if kind == STOP or kind == STOP_LIMIT:
        submit_stop(market, seat_index, command)
    elif kind == CANCEL_ALL:
        cancel_all(market, seat_index, BY_OWNER)
    elif kind == REPLACE:
        replace(market, seat_index, command)
    else:
        reject(market, seat_index, command, COMMAND_UNKNOWN)


@inlined
def process(market, seat_index, command):  # type: ignore[no-untyped-def]
    """Process one command of a seat, and every stop order that it triggers."""
    kind = command.kind
    if kind == LIMIT or kind == MARKET:
        submit(market, seat_index, command)
    elif kind == CANCEL:
        cancel(market, seat_index, command)
    else:
        process_rare(market, seat_index, command)
    if market.book.count[BUY_STOPS] + market.book.count[SELL_STOPS] > 0 and market.phase == CONTINUOUS:
        trigger_stops(market)
