"""What a seat has just told the exchange to do, as the imitators of action schemes read it.

An imitator is the inverse of a decoder. It reads the commands that a trader has written into the seat, and the orders
that are open, and writes into seat.agent.action the action of its scheme that comes closest; a number of it that makes no
difference is NaN. A scheme that sends one order at a time comes to many orders one after the other: its imitator does
what is most pressing, and the rest of it is found missing in the next step.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.commands import CANCEL, CANCEL_ALL, HIGHEST_PRICE, LIMIT, MARKET, REPLACE
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.records import ASKS


@inlined
def centered(value, low, high):  # type: ignore[no-untyped-def]
    """Return the number in [-1, 1] that names a place between `low` and `high`, the nearest for one beyond them."""
    return min(max(2.0 * (value - low) / (high - low) - 1.0, -1.0), 1.0)


@compiled
def order_price(command):  # type: ignore[no-untyped-def]
    """Return the price up to which a command trades: that of a market order is as good as there can be."""
    if command.kind == MARKET:
        return np.int64(command.side) * HIGHEST_PRICE
    return np.int64(command.price_ticks)


@compiled
def is_order(command):  # type: ignore[no-untyped-def]
    """Return whether a command is an order that is valid at once, an order that replaces another among them."""
    return command.kind == LIMIT or command.kind == MARKET or command.kind == REPLACE


@compiled
def is_canceled(seat, order):  # type: ignore[no-untyped-def]
    """Return whether the commands take an open order away, or replace it."""
    for i in range(seat.command_count):
        command = seat.command[i]
        if command.kind == CANCEL_ALL:
            return True
        if (command.kind == CANCEL or command.kind == REPLACE) and command.order_id == order.order_id:
            return True
    return False


@compiled
def best_quote(seat, side):  # type: ignore[no-untyped-def]
    """Return (price, lots) of the best order that a seat wants to have on a side, sent now or kept; 0 lots for none.

    Orders of one price count as one.
    """
    price, lots = np.int64(0), np.int64(0)
    for i in range(seat.command_count):
        command = seat.command[i]
        if is_order(command) and command.side == side:
            price, lots = better_quote(side, price, lots, order_price(command), command.quantity_lots)
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        order = seat.order[slot]
        if order.side == side and order.ladder <= ASKS and not is_canceled(seat, order):
            left = order.leaves_quantity + order.reserve_quantity
            price, lots = better_quote(side, price, lots, np.int64(order.price_ticks), left)
    return price, lots


@inlined
def better_quote(side, price, lots, other_price, other_lots):  # type: ignore[no-untyped-def]
    """Return the better of two quotes, or both as one where their prices are equal; one of 0 lots is none."""
    if lots == 0 or side * other_price > side * price:
        price, lots = other_price, other_lots
    elif other_price == price:
        lots += other_lots
    return price, lots


@compiled
def taken_lots(public, seat):  # type: ignore[no-untyped-def]
    """Return the lots that the commands buy at once less those they sell: market orders, and limits at the touch."""
    lots = np.int64(0)
    for i in range(seat.command_count):
        command = seat.command[i]
        if not is_order(command):
            continue
        side = np.int64(command.side)
        touch = public.best_ask if side > 0 else public.best_bid
        quoted = public.depth[(1 + side) >> 1] > 0
        if command.kind == MARKET or (quoted and side * (np.int64(command.price_ticks) - touch) >= 0):
            lots += side * command.quantity_lots
    return lots


@compiled
def nearest_number(numbers, first, count, value):  # type: ignore[no-untyped-def]
    """Return which of `count` numbers from `first` on comes closest to a value, the earliest of equals."""
    found = 0
    for i in range(1, count):
        if abs(numbers[first + i] - value) < abs(numbers[first + found] - value):
            found = i
    return found


@compiled
def place_of(public, params, first, levels, side, price_ticks):  # type: ignore[no-untyped-def]
    """Return where an order lies: at which of `levels` distances in mind.parameter, from `first` on, or at what price.

    Two orders of a side in one place are alike to a scheme.
    """
    if levels == 0:
        return np.int64(price_ticks)
    return np.int64(nearest_number(params.value, first, levels, side * (public.reference_ticks - price_ticks)))


@compiled
def missing_order(public, seat, params, first, levels):  # type: ignore[no-untyped-def]
    """Return which command is an order with no open one in its place, -1 for none; see `place_of`.

    Of several it is the first, but one that brings the position nearer to nothing comes before the others.
    """
    found = -1
    for i in range(seat.command_count):
        command = seat.command[i]
        if not is_order(command):
            continue
        side, there = np.int64(command.side), False
        place = place_of(public, params, first, levels, side, order_price(command))
        slots = seat.live
        while slots != 0:
            slot = lowest_bit(slots)
            slots &= slots - np.uint64(1)
            order = seat.order[slot]
            if order.side == side and order.ladder <= ASKS:
                there = there or place_of(public, params, first, levels, side, order.price_ticks) == place
        if command.kind == MARKET or not there:
            reduces = side * seat.account.position < 0
            if found < 0 or (reduces and seat.command[found].side * seat.account.position >= 0):
                found = i
    return found


@compiled
def unwanted_order(public, seat, params, first, levels):  # type: ignore[no-untyped-def]
    """Return the slot of an order that is withdrawn and has no successor in its place, -1 for none."""
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        order = seat.order[slot]
        if order.ladder > ASKS or not is_canceled(seat, order):
            continue
        side, wanted = np.int64(order.side), False
        place = place_of(public, params, first, levels, side, order.price_ticks)
        for i in range(seat.command_count):
            command = seat.command[i]
            if is_order(command) and command.side == side:
                wanted = wanted or place_of(public, params, first, levels, side, order_price(command)) == place
        if not wanted:
            return np.int64(slot)
    return np.int64(-1)
