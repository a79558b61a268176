"""Price levels of one book: four sorted ladders and a pool of FIFO queues.

Why this structure: real books are sparse (a price in cents spans hundreds of thousands of ticks) and busy at the
touch. Each side is one sorted array of 64-bit keys whose END is the touch: a search is a binary search in one or two
cache lines, and a new level near the touch moves the few keys above it. The key's upper half is the level's rank: a
higher rank is served first, so every function below serves all ladders; its lower half is the level's place in the
pool. Any int32 price above the smallest can be expressed.

Ladders: bids (rank: price), asks (minus price), and the stops that wait for a trigger: those to buy (minus trigger,
the lowest wakes first) and those to sell (trigger).

Keys are moved by unsigned indices: numba then does not look for negative ones, and LLVM moves several keys at once.
Without that, a message costs more than three times as much in a book of a thousand levels.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.compiled import inlined
from marl_market.exchange.records import ASKS, BUY_STOPS, NIL, SLOT_BITS, SLOT_OF_REFERENCE

RANK_SHIFT = 32
SLOT_MASK = (1 << RANK_SHIFT) - 1
LOWEST_KEY = np.int64(-(2**63))
NEAR_KEYS = 24


@inlined
def rank_key(ladder, price_ticks):  # type: ignore[no-untyped-def]
    """Return the lowest key of a level at `price_ticks` of a ladder."""
    falling = ladder == ASKS or ladder == BUY_STOPS
    rank = -np.int64(price_ticks) if falling else np.int64(price_ticks)
    return rank << RANK_SHIFT


@inlined
def ladder_position(book, ladder, key):  # type: ignore[no-untyped-def]
    """Return the first place in a ladder whose key is not below `key`; it is looked for near the touch first."""
    keys = book.ladder[np.uint64(ladder)]
    high = book.count[np.uint64(ladder)]
    near = max(high - NEAR_KEYS, 0)
    while high > near and keys[np.uint64(high - 1)] >= key:
        high -= 1
    if high > near or near == 0:
        return high
    low = 0
    while low < high:
        middle = (low + high) >> 1
        if keys[np.uint64(middle)] < key:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def find_or_insert_level(book, ladder, price_ticks):  # type: ignore[no-untyped-def]
    """Return the pool place of the level at `price_ticks`, making an empty one where there is none.

    The pool has as many levels as the market can have orders: it never runs out.
    """
    key = rank_key(ladder, price_ticks)
    position = ladder_position(book, ladder, key)
    count = book.count[np.uint64(ladder)]
    if position < count:
        found = book.ladder[np.uint64(ladder), np.uint64(position)]
        if found >> RANK_SHIFT == key >> RANK_SHIFT:
            return np.int32(found & SLOT_MASK)
    place = book.free_level
    if place == NIL:
        place = book.used_levels
        book.used_levels = place + 1
    else:
        book.free_level = book.level[place].head
    keys = book.ladder[np.uint64(ladder)]
    for i in range(count, position, -1):
        keys[np.uint64(i)] = keys[np.uint64(i - 1)]
    keys[np.uint64(position)] = key | np.int64(place)
    book.count[np.uint64(ladder)] = count + 1
    level = book.level[np.uint64(place)]
    level.quantity_lots = 0
    level.hidden_lots = 0
    level.count = 0
    level.head = NIL
    level.tail = NIL
    level.price_ticks = price_ticks
    return np.int32(place)


@inlined
def remove_level(book, ladder, place):  # type: ignore[no-untyped-def]
    """Take the empty level `place` out of its ladder and give it back to the pool."""
    level = book.level[np.uint64(place)]
    count = book.count[np.uint64(ladder)] - 1
    position = count
    key = rank_key(ladder, level.price_ticks)
    if book.ladder[np.uint64(ladder), np.uint64(count)] >> RANK_SHIFT != key >> RANK_SHIFT:
        position = ladder_position(book, ladder, key)
        keys = book.ladder[np.uint64(ladder)]
        for i in range(position, count):
            keys[np.uint64(i)] = keys[np.uint64(i + 1)]
    book.count[np.uint64(ladder)] = count
    level.head = book.free_level
    book.free_level = place


@inlined
def enqueue(market, place, reference, order):  # type: ignore[no-untyped-def]
    """Put `order` last in the queue of level `place`."""
    level = market.book.level[np.uint64(place)]
    tail = level.tail
    order.level = place
    order.next = NIL
    order.previous = tail
    if tail == NIL:
        level.head = reference
    else:
        market.seat[np.uint64(tail >> SLOT_BITS)].order[tail & SLOT_OF_REFERENCE].next = reference
    level.tail = reference
    level.count += 1
    level.quantity_lots += order.leaves_quantity
    level.hidden_lots += order.reserve_quantity


@inlined
def dequeue(market, order):  # type: ignore[no-untyped-def]
    """Take `order` out of its queue, wherever it stands, and remove its level if that was the last one."""
    book = market.book
    place = order.level
    level = book.level[np.uint64(place)]
    following = order.next
    previous = order.previous
    if previous == NIL:
        level.head = following
    else:
        market.seat[np.uint64(previous >> SLOT_BITS)].order[previous & SLOT_OF_REFERENCE].next = following
    if following == NIL:
        level.tail = previous
    else:
        market.seat[np.uint64(following >> SLOT_BITS)].order[following & SLOT_OF_REFERENCE].previous = previous
    level.count -= 1
    level.quantity_lots -= order.leaves_quantity
    level.hidden_lots -= order.reserve_quantity
    if level.count == 0:
        remove_level(book, order.ladder, place)
