"""Which orders of a replay come near the best prices, and the place of each among those that rest at one time."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from marl_market.market.tape import Side

NO_PRICE = 2**31 - 1


def orders_of(messages: NDArray[np.void]) -> int:
    """Return the number of orders that MESSAGE rows tell of."""
    return np.unique(messages["order"][messages["order"] >= 0]).size


def within_reach(messages: NDArray[np.void], reach_ticks: float) -> NDArray[np.void]:
    """Return the MESSAGE rows without those of orders that are never within `reach_ticks` of their side's best price.

    Why over the whole life of an order: one that is far when it comes may be the best one later.
    """
    order = messages["order"]
    named = np.flatnonzero(order >= 0)
    _, first = np.unique(order[named], return_index=True)
    _, last = np.unique(order[named][::-1], return_index=True)
    first, last = named[first], named[::-1][last]
    last = np.where(messages["left_lots"][last] > 0, messages.size - 1, last)
    side, price = messages["side"][first], messages["price_ticks"][first]
    bid, ask = messages["bid_price_ticks"].astype(np.int64), messages["ask_price_ticks"].astype(np.int64)
    lowest_bid = least_between(np.where(bid > 0, bid, NO_PRICE), first, last)
    highest_ask = -least_between(np.where(ask > 0, -ask, NO_PRICE), first, last)
    distance = np.where(side == Side.BUY, lowest_bid - price, price - highest_ask)
    numbers = order[first][distance <= reach_ticks]
    kept: NDArray[np.void] = messages[(order < 0) | np.isin(order, numbers)]
    return kept


def least_between(values: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the least of `values` from each index `first` to `last`, both included.

    By the least of all stretches of 1, 2, 4, ... values (a sparse table): two of them cover any stretch.
    """
    length = last - first + 1
    power = np.frexp(length)[1] - 1
    least = np.empty(first.size, np.int64)
    level, width = values, 1
    for exponent in range(int(power.max(initial=-1)) + 1):
        own = power == exponent
        least[own] = np.minimum(level[first[own]], level[last[own] + 1 - width])
        level = np.minimum(level[:-width], level[width:]) if level.size > width else level[:0]
        width *= 2
    return least


def assign_places(messages: NDArray[np.void]) -> None:
    """Write into MESSAGE rows the place of each order: the lowest that is free when it comes."""
    free: list[int] = []
    place_of: dict[int, int] = {}
    places = np.full(messages.size, -1, np.int32)
    for row, (order, left) in enumerate(zip(messages["order"].tolist(), messages["left_lots"].tolist(), strict=True)):
        if order < 0:
            continue
        if order not in place_of:
            place_of[order] = heapq.heappop(free) if free else len(place_of)
        places[row] = place_of[order]
        if left == 0:
            heapq.heappush(free, place_of[order])
            del place_of[order]
    messages["place"] = places
