"""The displayed quantity of each price, rebuilt from events: what the public sees of a book."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.compiled import compiled, inlined

DISPLAYED_BOOK = np.dtype([("price", np.int64), ("lots", np.int64)])
"""A level: its price in ticks, negative for asks, so that the best is the last of either side."""


def empty_levels(orders: int) -> NDArray[np.void]:
    """Return room for the levels of so many orders (sides, levels)."""
    return np.zeros((2, orders + 1), DISPLAYED_BOOK)


@inlined
def side_index(side):  # type: ignore[no-untyped-def]
    """Return 0 for a bid and 1 for an ask."""
    return (1 - side) >> 1


@inlined
def best_price(levels, counts, index):  # type: ignore[no-untyped-def]
    """Return the best price of a side in ticks, 0 where it is empty."""
    if counts[index] == 0:
        return np.int64(0)
    price = levels[index, counts[index] - 1].price
    return price if index == 0 else -price


@inlined
def best_lots(levels, counts, index):  # type: ignore[no-untyped-def]
    """Return the displayed quantity at the best price of a side, 0 where it is empty."""
    return levels[index, counts[index] - 1].lots if counts[index] > 0 else np.int64(0)


@compiled
def change_level(levels, counts, index, price_ticks, lots):  # type: ignore[no-untyped-def]
    """Add `lots`, which may be negative, to the quantity at a price."""
    key = price_ticks if index == 0 else -price_ticks
    place, high = 0, counts[index]
    while place < high:
        middle = (place + high) >> 1
        if levels[index, middle].price < key:
            place = middle + 1
        else:
            high = middle
    count = counts[index]
    if place < count and levels[index, place].price == key:
        levels[index, place].lots += lots
        if levels[index, place].lots == 0:
            for i in range(place, count - 1):
                levels[index, i].price = levels[index, i + 1].price
                levels[index, i].lots = levels[index, i + 1].lots
            counts[index] = count - 1
        return
    for i in range(count, place, -1):
        levels[index, i].price = levels[index, i - 1].price
        levels[index, i].lots = levels[index, i - 1].lots
    levels[index, place].price = key
    levels[index, place].lots = lots
    counts[index] = count + 1
