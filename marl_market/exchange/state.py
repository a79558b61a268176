"""The state of a market, packed into contiguous bytes without addresses: a value that any process can load.

Why packed: most of a market record is room for orders and events that a session does not use; what it does use is a
tenth of it. Constants of the population and addresses are not part of a state.

Assumptions: a state is loaded into a market of the same size class, number of seats and latencies.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from marl_market.exchange.book import LOWEST_KEY, end_of
from marl_market.exchange.compiled import OPTIONS, compiled, inlined
from marl_market.exchange.connections import CONNECTION, DELIVERY, QUEUE, connections_of, deliveries_of
from marl_market.exchange.pointers import address_of, copy_bytes
from marl_market.exchange.records import COMMAND, EVENT, LADDERS, LEVEL, LINK, ORDER, PUBLIC, SEAT_ORDERS

MEASURE, SAVE, LOAD = range(3)
"""Directions of a transfer between a market and its packed state."""

COMMAND_BYTES, CONNECTION_BYTES, DELIVERY_BYTES, QUEUE_BYTES = (
    dtype.itemsize for dtype in (COMMAND, CONNECTION, DELIVERY, QUEUE)
)
EVENT_BYTES, LEVEL_BYTES, LINK_BYTES, ORDER_BYTES, PUBLIC_BYTES = (
    dtype.itemsize for dtype in (EVENT, LEVEL, LINK, ORDER, PUBLIC)
)
KEY_BYTES = 8


@inlined
def transfer(direction, cursor, address, count):  # type: ignore[no-untyped-def]
    """Copy `count` bytes between the state at `cursor` and the memory at `address`; return the cursor after them."""
    if direction == SAVE:
        copy_bytes(cursor, address, count)
    elif direction == LOAD:
        copy_bytes(address, cursor, count)
    return cursor + count


@compiled
def transfer_constants(direction, cursor, market):  # type: ignore[no-untyped-def]
    """Transfer all fields of a market before its arrays; its addresses stay as they are and are zero in the state."""
    path, connection, delivery, history = market.path, market.connection, market.delivery, market.history
    queue_history, instrument_bytes = market.queue_history, market.instrument_bytes
    market.path, market.connection, market.delivery, market.history = 0, 0, 0, 0
    market.queue_history, market.instrument_bytes = 0, 0
    start = address_of(market)
    cursor = transfer(direction, cursor, start, np.int64(market.arrival.ctypes.data) - start)
    market.path, market.connection, market.delivery, market.history = path, connection, delivery, history
    market.queue_history, market.instrument_bytes = queue_history, instrument_bytes
    return cursor


@compiled
def transfer_book(direction, cursor, book, orders):  # type: ignore[no-untyped-def]
    """Transfer the book of a market whose seats have room for `orders` orders."""
    ladder = np.int64(book.ladder.ctypes.data)
    row_bytes = KEY_BYTES * book.ladder.shape[1]
    counts = (book.count[0], book.count[1], book.count[2], book.count[3])
    start = address_of(book)
    cursor = transfer(direction, cursor, start, ladder - start)
    for i in range(LADDERS):
        cursor = transfer(direction, cursor, ladder + i * row_bytes, KEY_BYTES * np.int64(book.count[i]))
        for j in range(book.count[i], counts[i]):
            book.ladder[i, j] = LOWEST_KEY
    levels = np.int64(book.used_levels)
    cursor = transfer(direction, cursor, np.int64(book.level.ctypes.data), LEVEL_BYTES * levels)
    link = np.int64(book.link.ctypes.data)
    cursor = transfer(direction, cursor, link, LINK_BYTES * orders)
    return transfer(direction, cursor, link + LINK_BYTES * end_of(book, 0), LINK_BYTES * levels)


@compiled
def transfer_seat(direction, cursor, seat):  # type: ignore[no-untyped-def]
    """Transfer a seat without its agent: of its commands and orders, those that there are."""
    start, command, order = address_of(seat), np.int64(seat.command.ctypes.data), np.int64(seat.order.ctypes.data)
    cursor = transfer(direction, cursor, start, command - start)
    cursor = transfer(direction, cursor, command, COMMAND_BYTES * seat.command_count)
    for slot in range(SEAT_ORDERS):
        if seat.live >> np.uint64(slot) & np.uint64(1):
            cursor = transfer(direction, cursor, order + ORDER_BYTES * slot, ORDER_BYTES)
    ahead = np.int64(seat.ahead_lots.ctypes.data)
    return transfer(direction, cursor, ahead, address_of(seat.agent) - ahead)


@compiled
def transfer_connections(direction, cursor, market):  # type: ignore[no-untyped-def]
    """Transfer the commands in flight and the market data on their way."""
    rows = np.int64(connections_of(market).ctypes.data)
    cursor = transfer(direction, cursor, rows, CONNECTION_BYTES * market.seat_count)
    rows = np.int64(deliveries_of(market).ctypes.data)
    cursor = transfer(direction, cursor, rows, DELIVERY_BYTES * market.delivery_count)
    cursor = transfer(direction, cursor, market.history, PUBLIC_BYTES * market.history_steps)
    queues = market.history_steps * market.seat_count if market.public.tracks_history == 1 else 0
    return transfer(direction, cursor, market.queue_history, QUEUE_BYTES * queues)


@compiled
def transfer_market(direction, cursor, market):  # type: ignore[no-untyped-def]
    """Transfer a market without its agents; return the cursor after its state."""
    cursor = transfer_constants(direction, cursor, market)
    cursor = transfer_book(direction, cursor, market.book, market.seat_count * SEAT_ORDERS)
    cursor = transfer(direction, cursor, np.int64(market.event.ctypes.data), EVENT_BYTES * market.event_count)
    for i in range(market.seat_count):
        cursor = transfer_seat(direction, cursor, market.seat[i])
    if market.substeps > 1:
        cursor = transfer(direction, cursor, address_of(market.observed[0]), PUBLIC_BYTES)
    if market.connection != 0:
        cursor = transfer_connections(direction, cursor, market)
    return cursor


@compiled
def empty_ladders(book):  # type: ignore[no-untyped-def]
    """Let the next LOAD clear the ladders of a book in memory that has never been written to."""
    for i in range(LADDERS):
        book.count[i] = book.ladder.shape[1]


@njit(cache=True, **OPTIONS)
def transfer_single(direction, memory, markets):  # type: ignore[no-untyped-def]
    """Transfer the only one of `markets` from or to the bytes `memory`; return their number."""
    start = np.int64(memory.ctypes.data)
    return transfer_market(direction, start, markets[0]) - start
