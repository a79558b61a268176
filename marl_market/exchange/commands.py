"""How a trader writes its commands into its seat record.

A command that finds the seat's list full is not written; each function returns whether it was.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.compiled import inlined
from marl_market.exchange.records import SEAT_COMMANDS, CommandKind

LIMIT, MARKET = np.int32(CommandKind.LIMIT), np.int32(CommandKind.MARKET)
CANCEL, CANCEL_ALL = np.int32(CommandKind.CANCEL), np.int32(CommandKind.CANCEL_ALL)
HIGHEST_PRICE = 2**31 - 2


@inlined
def write_command(seat, kind, side, price_ticks, quantity_lots, order_id):  # type: ignore[no-untyped-def]
    """Append one command."""
    count = seat.command_count
    if count >= SEAT_COMMANDS:
        return False
    command = seat.command[count]
    command.kind = kind
    command.side = side
    command.price_ticks = price_ticks
    command.quantity_lots = quantity_lots
    command.order_id = order_id
    command.client_order_id = 0
    seat.command_count = count + 1
    return True


@inlined
def submit_limit(seat, side, price_ticks, quantity_lots):  # type: ignore[no-untyped-def]
    """Offer to buy (side +1) or sell (-1) `quantity_lots` at `price_ticks`.

    The price is rounded to the nearest tick, a half away from the other side so that bids and asks mirror each other,
    and kept within int32.
    """
    price = -side * np.floor(0.5 - side * price_ticks)
    price = min(max(price, -HIGHEST_PRICE), HIGHEST_PRICE)
    return write_command(seat, LIMIT, side, np.int32(price), np.int64(quantity_lots), np.int64(0))


@inlined
def submit_market(seat, side, quantity_lots):  # type: ignore[no-untyped-def]
    """Buy (side +1) or sell (-1) `quantity_lots` at the best prices there are."""
    return write_command(seat, MARKET, side, np.int32(0), np.int64(quantity_lots), np.int64(0))


@inlined
def cancel(seat, order_id):  # type: ignore[no-untyped-def]
    """Withdraw one open order."""
    return write_command(seat, CANCEL, 0, np.int32(0), np.int64(0), np.int64(order_id))


@inlined
def cancel_all(seat):  # type: ignore[no-untyped-def]
    """Withdraw every open order of the seat."""
    return write_command(seat, CANCEL_ALL, 0, np.int32(0), np.int64(0), np.int64(0))
