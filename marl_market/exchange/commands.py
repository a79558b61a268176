"""Write a trader's commands into its seat record.

A command beyond the seat's `SEAT_COMMANDS` is not written, and an order among them counts as a rejection; each function
returns whether its command was written.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.codes import CommandKind, Reason, TimeInForce
from marl_market.exchange.compiled import inlined
from marl_market.exchange.records import SEAT_COMMANDS

LIMIT, MARKET = int(CommandKind.LIMIT), int(CommandKind.MARKET)
STOP, STOP_LIMIT = int(CommandKind.STOP), int(CommandKind.STOP_LIMIT)
CANCEL, CANCEL_ALL, REPLACE = int(CommandKind.CANCEL), int(CommandKind.CANCEL_ALL), int(CommandKind.REPLACE)
GOOD_TILL_CANCEL = int(TimeInForce.GOOD_TILL_CANCEL)
TOO_MANY_COMMANDS = int(Reason.TOO_MANY_COMMANDS)
HIGHEST_PRICE = 2**31 - 2
NO_PRICE = -(2**31)
NEWEST_ORDER = -(2**62)
"""Id by which a cancel names the order that its seat sent last."""
LATEST_NS = 2**31 - 1
BEYOND_QUANTITY = 2**62


@inlined
def round_price(side, price_ticks):  # type: ignore[no-untyped-def]
    """Return the nearest tick as int32; halves round away from the other side, so that bids and asks are symmetric.

    A NaN becomes NO_PRICE, which the venue rejects.
    """
    price = -side * np.floor(0.5 - side * price_ticks)
    return np.int32(min(max(price, -HIGHEST_PRICE), HIGHEST_PRICE)) if price == price else np.int32(NO_PRICE)


@inlined
def whole_lots(quantity_lots):  # type: ignore[no-untyped-def]
    """Return a quantity as int64, towards zero, at most 2**62; what is below zero, or NaN, becomes 0.

    The venue rejects both ends; to convert a number that int64 cannot hold would be undefined.
    """
    lots = quantity_lots if quantity_lots > 0 else 0
    return np.int64(lots if lots < BEYOND_QUANTITY else BEYOND_QUANTITY)


@inlined
def is_order(kind):  # type: ignore[no-untyped-def]
    """Return whether a command of this kind is an order or replaces one."""
    return kind != CANCEL and kind != CANCEL_ALL


@inlined
def write_command(  # type: ignore[no-untyped-def]
    seat, kind, side, price_ticks, trigger_ticks, quantity_lots, display_lots, time_in_force, lifetime_steps, order_id,
    reduce_only=0, sets_trigger=0, counts_filled=0,
):  # fmt: skip
    """Append one command with all its fields."""
    count = seat.command_count
    if count >= SEAT_COMMANDS:
        if is_order(kind):
            seat.rejections[TOO_MANY_COMMANDS] += 1
        return False
    command = seat.command[count]
    command.kind = kind
    command.side = side
    command.price_ticks = price_ticks
    command.trigger_ticks = trigger_ticks
    command.quantity_lots = quantity_lots
    command.display_lots = display_lots
    command.time_in_force = time_in_force
    command.after_ns = 0
    command.lifetime_steps = lifetime_steps
    command.order_id = order_id
    command.client_order_id = 0
    command.reduce_only = reduce_only
    command.sets_trigger = sets_trigger
    command.counts_filled = counts_filled
    seat.command_count = count + 1
    return True


@inlined
def submit_limit(seat, side, price_ticks, quantity_lots):  # type: ignore[no-untyped-def]
    """Submit a limit order to buy (side +1) or sell (-1) `quantity_lots` at `price_ticks`, see `round_price`."""
    price = round_price(side, price_ticks)
    return write_command(seat, LIMIT, side, price, 0, whole_lots(quantity_lots), 0, GOOD_TILL_CANCEL, 0, 0)


@inlined
def submit_limit_order(  # type: ignore[no-untyped-def]
    seat, side, price_ticks, quantity_lots, display_lots, time_in_force, lifetime_steps, reduce_only=0
):
    """Submit a limit order that displays `display_lots` (0: all) and expires after `lifetime_steps` (0: never).

    With `reduce_only` 1 it never opens or increases a position, see `marl_market.exchange.open_orders`.
    """
    price, lots, display = round_price(side, price_ticks), whole_lots(quantity_lots), whole_lots(display_lots)
    return write_command(seat, LIMIT, side, price, 0, lots, display, time_in_force, lifetime_steps, 0, reduce_only)


@inlined
def submit_market(seat, side, quantity_lots, reduce_only=0):  # type: ignore[no-untyped-def]
    """Submit a market order to buy (side +1) or sell (-1) `quantity_lots`; `reduce_only` as in `submit_limit_order`."""
    return write_command(
        seat, MARKET, side, 0, 0, whole_lots(quantity_lots), 0, GOOD_TILL_CANCEL, 0, 0, reduce_only
    )  # fmt: skip


@inlined
def submit_stop(seat, side, trigger_ticks, quantity_lots, lifetime_steps=0, reduce_only=0):  # type: ignore[no-untyped-def]
    """Submit a market order triggered by a last price at or above (side +1) or at or below (-1) `trigger_ticks`.

    It expires and reduces as in `submit_limit_order`.
    """
    trigger, lots = round_price(side, trigger_ticks), whole_lots(quantity_lots)
    return write_command(seat, STOP, side, 0, trigger, lots, 0, GOOD_TILL_CANCEL, lifetime_steps, 0, reduce_only)


@inlined
def submit_stop_limit(  # type: ignore[no-untyped-def]
    seat, side, trigger_ticks, price_ticks, quantity_lots, display_lots=0, time_in_force=0, lifetime_steps=0,
    reduce_only=0,
):  # fmt: skip
    """Submit a limit order triggered as in `submit_stop`, with the choices of `submit_limit_order`."""
    trigger, price = round_price(side, trigger_ticks), round_price(side, price_ticks)
    lots, display = whole_lots(quantity_lots), whole_lots(display_lots)
    return write_command(
        seat, STOP_LIMIT, side, price, trigger, lots, display, time_in_force, lifetime_steps, 0, reduce_only
    )  # fmt: skip


@inlined
def replace(seat, order, price_ticks, quantity_lots, counts_filled=0):  # type: ignore[no-untyped-def]
    """Replace the price and the remaining quantity of one of the seat's open orders; a trigger stays as it is.

    With `counts_filled` 1 the quantity is the total, of which what is filled by then is subtracted.
    """
    price, lots = round_price(order.side, price_ticks), whole_lots(quantity_lots)
    return write_command(
        seat, REPLACE, order.side, price, 0, lots, 0, GOOD_TILL_CANCEL, 0, order.order_id, 0, 0, counts_filled
    )  # fmt: skip


@inlined
def replace_stop(seat, order, trigger_ticks, price_ticks, quantity_lots):  # type: ignore[no-untyped-def]
    """Replace the trigger, the price (if it has one) and the quantity of one of the seat's waiting stop orders."""
    trigger, price = round_price(order.side, trigger_ticks), round_price(order.side, price_ticks)
    lots = whole_lots(quantity_lots)
    return write_command(seat, REPLACE, order.side, price, trigger, lots, 0, GOOD_TILL_CANCEL, 0, order.order_id, 0, 1)


@inlined
def cancel(seat, order_id):  # type: ignore[no-untyped-def]
    """Cancel one open order."""
    return write_command(seat, CANCEL, 0, 0, 0, 0, 0, GOOD_TILL_CANCEL, 0, np.int64(order_id))


@inlined
def cancel_all(seat):  # type: ignore[no-untyped-def]
    """Cancel every open order of the seat."""
    return write_command(seat, CANCEL_ALL, 0, 0, 0, 0, 0, GOOD_TILL_CANCEL, 0, 0)


@inlined
def cancel_newest(seat):  # type: ignore[no-untyped-def]
    """Cancel the order that the seat sent last, even on its way: commands arrive in the order they were sent."""
    return write_command(seat, CANCEL, 0, 0, 0, 0, 0, GOOD_TILL_CANCEL, 0, NEWEST_ORDER)


@inlined
def send_after(seat, nanoseconds):  # type: ignore[no-untyped-def]
    """Send the command written last so long after the decision; in a market without delays it is sent at once.

    A seat's commands keep their order: each waits for those before it.
    """
    if seat.command_count > 0:
        seat.command[seat.command_count - 1].after_ns = np.int32(min(max(nanoseconds, 0.0), LATEST_NS))
