"""Price levels of one book: four sorted ladders and a pool of FIFO queues.

Why this structure: real books are sparse (a price in cents spans hundreds of thousands of ticks) and busy at the
best prices. Each side is one sorted array of 64-bit keys whose END is the best price: keys near it are found and moved
by a few vector instructions, and a search of the rest is binary. The key's upper half is the level's rank: a higher
rank is served first, so every function below serves all ladders; its lower half is the level's index in the pool. Any
int32 price above the smallest can be expressed. Beyond the count of a ladder lies `LOWEST_KEY`. The best key of each
ladder is kept beside it, since a load of a key that a vector store has just moved stalls.

Ladders: bids (rank: price), asks (minus price), and the stops that wait for a trigger: those to buy (minus trigger,
the lowest is triggered first) and those to sell (trigger).

A queue is a ring: its orders, from the first to the last, and the level's end, which lies between the last and the
first. So insertion and removal have no special case, and no branch that depends on an order's position. The links of
orders, by their references, and of ends lie in one array.

Far keys are moved by unsigned indices: numba then does not check for negative ones, and LLVM moves several keys at
once. Without that, a message costs more than three times as much in a book of a thousand levels.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.compiled import inlined
from marl_market.exchange.records import ASKS, BUY_STOPS, NIL
from marl_market.exchange.vectors import NEAR_KEYS, count_not_below, move_down, move_up

RANK_SHIFT = 32
SLOT_MASK = (1 << RANK_SHIFT) - 1
LOWEST_KEY = np.int64(-(2**63))


@inlined
def rank_key(ladder, price_ticks):  # type: ignore[no-untyped-def]
    """Return the lowest key of a level at `price_ticks` of a ladder."""
    falling = ladder == ASKS or ladder == BUY_STOPS
    rank = -np.int64(price_ticks) if falling else np.int64(price_ticks)
    return rank << RANK_SHIFT


@inlined
def ladder_position(book, ladder, key):  # type: ignore[no-untyped-def]
    """Return the first position in a ladder whose key is not below `key`; the search begins near the best price."""
    keys = book.ladder[np.uint64(ladder)]
    count = np.int64(book.count[np.uint64(ladder)])
    high = max(count - NEAR_KEYS, np.int64(0))
    above = count_not_below(keys, high, key)
    if above < NEAR_KEYS:
        return count - above
    low = np.int64(0)
    while low < high:
        middle = (low + high) >> 1
        if keys[np.uint64(middle)] < key:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def insert_key(book, ladder, position, key):  # type: ignore[no-untyped-def]
    """Insert a key into a ladder, before the one at `position`."""
    keys = book.ladder[np.uint64(ladder)]
    count = np.int64(book.count[np.uint64(ladder)])
    near = max(count + 1 - NEAR_KEYS, 0)
    if position >= near:
        move_up(keys, near, position)
    else:
        for i in range(count, position, -1):
            keys[np.uint64(i)] = keys[np.uint64(i - 1)]
    keys[np.uint64(position)] = key
    book.best[np.uint64(ladder)] = max(book.best[np.uint64(ladder)], key)
    book.count[np.uint64(ladder)] = count + 1


@inlined
def remove_key(book, ladder, key):  # type: ignore[no-untyped-def]
    """Remove the key of the level whose lowest key is `key` from a ladder."""
    keys = book.ladder[np.uint64(ladder)]
    last = np.int64(book.count[np.uint64(ladder)]) - 1
    if book.best[np.uint64(ladder)] >> RANK_SHIFT == key >> RANK_SHIFT:
        book.best[np.uint64(ladder)] = keys[np.uint64(last - 1)] if last > 0 else LOWEST_KEY
    else:  # trades remove the best level, cancels any level
        position = ladder_position(book, ladder, key)
        near = max(last + 1 - NEAR_KEYS, 0)
        if position >= near:
            move_down(keys, near, position)
        else:
            for i in range(position, last):
                keys[np.uint64(i)] = keys[np.uint64(i + 1)]
    keys[np.uint64(last)] = LOWEST_KEY
    book.count[np.uint64(ladder)] = last


@inlined
def end_of(book, place):  # type: ignore[no-untyped-def]
    """Return the link index of the end of level `place`: behind those of all orders."""
    return np.int64(book.level.size) + place


@inlined
def first_in(book, place):  # type: ignore[no-untyped-def]
    """Return the reference of the first order in the queue of level `place`; its end if it is empty."""
    return np.int64(book.link[np.uint64(end_of(book, place))].next)


@inlined
def next_in(book, reference):  # type: ignore[no-untyped-def]
    """Return the reference of the order behind one, NIL behind the last one."""
    following = np.int64(book.link[np.uint64(reference)].next)
    return following if following < book.level.size else np.int64(NIL)


@inlined
def earlier_in(book, reference):  # type: ignore[no-untyped-def]
    """Return the reference of the order before one, NIL before the first one."""
    earlier = np.int64(book.link[np.uint64(reference)].previous)
    return earlier if earlier < book.level.size else np.int64(NIL)


@inlined
def find_or_insert_level(book, ladder, price_ticks):  # type: ignore[no-untyped-def]
    """Return the pool index of the level at `price_ticks`, inserting an empty one where there is none.

    The pool has as many levels as the market can have orders: it never runs out.
    """
    key = rank_key(ladder, price_ticks)
    position = ladder_position(book, ladder, key)
    found = book.ladder[np.uint64(ladder), np.uint64(position)]
    if found >> RANK_SHIFT == key >> RANK_SHIFT:
        return np.int64(found & SLOT_MASK)
    place = np.int64(book.free_level)
    if place == NIL:
        place = np.int64(book.used_levels)
        book.used_levels = place + 1
    else:
        book.free_level = book.link[np.uint64(end_of(book, place))].next
    insert_key(book, ladder, position, key | place)
    end = end_of(book, place)
    link = book.link[np.uint64(end)]
    link.next = end
    link.previous = end
    level = book.level[np.uint64(place)]
    level.quantity_lots = 0
    level.hidden_lots = 0
    level.count = 0
    level.price_ticks = price_ticks
    return place


@inlined
def remove_level(book, ladder, place):  # type: ignore[no-untyped-def]
    """Remove the empty level `place` from its ladder and return it to the pool."""
    remove_key(book, ladder, rank_key(ladder, book.level[np.uint64(place)].price_ticks))
    book.link[np.uint64(end_of(book, place))].next = book.free_level
    book.free_level = place


@inlined
def enqueue(book, place, reference, order):  # type: ignore[no-untyped-def]
    """Append `order` to the queue of level `place`."""
    end = end_of(book, place)
    last = book.link[np.uint64(end)].previous
    book.link[np.uint64(reference)].next = end
    book.link[np.uint64(reference)].previous = last
    book.link[np.uint64(last)].next = reference
    book.link[np.uint64(end)].previous = reference
    order.level = place
    level = book.level[np.uint64(place)]
    level.count += 1
    level.quantity_lots += order.leaves_quantity
    level.hidden_lots += order.reserve_quantity


@inlined
def dequeue(book, reference, order):  # type: ignore[no-untyped-def]
    """Remove `order` from its queue, at any position, and its level if it was the last one."""
    following = book.link[np.uint64(reference)].next
    earlier = book.link[np.uint64(reference)].previous
    book.link[np.uint64(earlier)].next = following
    book.link[np.uint64(following)].previous = earlier
    place = np.int64(order.level)
    level = book.level[np.uint64(place)]
    level.count -= 1
    level.quantity_lots -= order.leaves_quantity
    level.hidden_lots -= order.reserve_quantity
    if level.count == 0:
        remove_level(book, np.int64(order.ladder), place)
