"""Reading a seat's commands and open orders in action encoders.

An action encoder is the inverse of a decoder. It reads the commands that a trader has written into the seat, and its
open orders, and writes into seat.agent.action the closest action of its scheme; a number without effect is NaN. A
scheme that sends one order a step encodes the most urgent one, and the others in the steps that follow.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.commands import CANCEL, CANCEL_ALL, HIGHEST_PRICE, LIMIT, MARKET, REPLACE
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.records import ASKS


@inlined
def normalize(value, low, high):  # type: ignore[no-untyped-def]
    """Return a value clipped to `low` to `high` and mapped linearly to [-1, 1]: the inverse of `rescale`."""
    return min(max(2.0 * (value - low) / (high - low) - 1.0, -1.0), 1.0)


@compiled
def order_price(command):  # type: ignore[no-untyped-def]
    """Return the limit price of an order command in ticks; that of a market order is the highest or lowest there is."""
    if command.kind == MARKET:
        return np.int64(command.side) * HIGHEST_PRICE
    return np.int64(command.price_ticks)


@compiled
def is_order(command):  # type: ignore[no-untyped-def]
    """Return whether a command is a limit or market order or a replacement, and not a stop order."""
    return command.kind == LIMIT or command.kind == MARKET or command.kind == REPLACE


@compiled
def is_canceled(seat, order):  # type: ignore[no-untyped-def]
    """Return whether the commands cancel or replace an open order."""
    for i in range(seat.command_count):
        command = seat.command[i]
        if command.kind == CANCEL_ALL:
            return True
        if (command.kind == CANCEL or command.kind == REPLACE) and command.order_id == order.order_id:
            return True
    return False


@compiled
def best_quote(seat, side):  # type: ignore[no-untyped-def]
    """Return (price, lots) of the best order of a side, sent now or kept open; 0 lots for none.

    The quantities of orders of one price are added.
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
    """Return the better of two quotes, or their sum at equal prices; one of 0 lots is none."""
    if lots == 0 or side * other_price > side * price:
        price, lots = other_price, other_lots
    elif other_price == price:
        lots += other_lots
    return price, lots


@compiled
def taken_lots(public, seat):  # type: ignore[no-untyped-def]
    """Return the signed lots of market orders and of limit orders that cross the best bid or ask, buys less sells."""
    lots = np.int64(0)
    for i in range(seat.command_count):
        command = seat.command[i]
        if not is_order(command):
            continue
        side = np.int64(command.side)
        best = public.best_ask if side > 0 else public.best_bid
        quoted = public.depth[(1 + side) >> 1] > 0
        if command.kind == MARKET or (quoted and side * (np.int64(command.price_ticks) - best) >= 0):
            lots += side * command.quantity_lots
    return lots


@compiled
def nearest_index(numbers, first, count, value):  # type: ignore[no-untyped-def]
    """Return the index, counted from `first`, of the nearest of `count` numbers to a value, the first of equals."""
    found = 0
    for i in range(1, count):
        if abs(numbers[first + i] - value) < abs(numbers[first + found] - value):
            found = i
    return found


@compiled
def level_of_price(public, params, first, levels, side, price_ticks):  # type: ignore[no-untyped-def]
    """Return the index of the nearest of `levels` distances in params.value from `first` on, or the price for 0 levels.

    A scheme does not distinguish two orders of one side and level.
    """
    if levels == 0:
        return np.int64(price_ticks)
    return np.int64(nearest_index(params.value, first, levels, side * (public.reference_ticks - price_ticks)))


@compiled
def missing_order(public, seat, params, first, levels):  # type: ignore[no-untyped-def]
    """Return the index of a command that is an order without an open one at its level, -1 for none.

    See `level_of_price`. The first that reduces the position comes before the first of the others.
    """
    found = -1
    for i in range(seat.command_count):
        command = seat.command[i]
        if not is_order(command):
            continue
        side, is_open = np.int64(command.side), False
        level = level_of_price(public, params, first, levels, side, order_price(command))
        slots = seat.live
        while slots != 0:
            slot = lowest_bit(slots)
            slots &= slots - np.uint64(1)
            order = seat.order[slot]
            if order.side == side and order.ladder <= ASKS:
                is_open = is_open or level_of_price(public, params, first, levels, side, order.price_ticks) == level
        if command.kind == MARKET or not is_open:
            reduces = side * seat.account.position < 0
            if found < 0 or (reduces and seat.command[found].side * seat.account.position >= 0):
                found = i
    return found


@compiled
def unwanted_order(public, seat, params, first, levels):  # type: ignore[no-untyped-def]
    """Return the slot of an open order that is canceled without a new one at its level, -1 for none."""
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        order = seat.order[slot]
        if order.ladder > ASKS or not is_canceled(seat, order):
            continue
        side, wanted = np.int64(order.side), False
        level = level_of_price(public, params, first, levels, side, order.price_ticks)
        for i in range(seat.command_count):
            command = seat.command[i]
            if is_order(command) and command.side == side:
                wanted = wanted or level_of_price(public, params, first, levels, side, order_price(command)) == level
        if not wanted:
            return np.int64(slot)
    return np.int64(-1)
