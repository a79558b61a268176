"""One side of a book rebuilt from a feed: quantity by price, with the best price at hand.

Why a dictionary and a heap: a feed changes single levels and needs only the best level. Removed prices stay in the heap
until they surface, or until they outnumber the levels and the heap is built anew, so every change costs O(log levels)
and the memory is that of the levels, however often a level comes and goes.

Assumptions: prices and quantities are whole numbers of any unit; an empty side answers price 0 and quantity 0.
"""

from __future__ import annotations

import heapq

from marl_market.market.tape import Side

_SPARE = 64


class BookSide:
    """The resting quantity of one side, by price."""

    def __init__(self, side: Side) -> None:
        self._sign = int(side)
        self._quantity: dict[int, int] = {}
        self._heap: list[int] = []

    def quantity(self, price: int) -> int:
        """Return the quantity that rests at `price`."""
        return self._quantity.get(price, 0)

    def put(self, price: int, quantity: int) -> None:
        """Let `quantity` rest at `price`; zero or less empties the level."""
        if quantity <= 0:
            self._quantity.pop(price, None)
            return
        if price not in self._quantity:
            if len(self._heap) > 2 * len(self._quantity) + _SPARE:
                self._heap = [-self._sign * level for level in self._quantity]
                heapq.heapify(self._heap)
            heapq.heappush(self._heap, -self._sign * price)
        self._quantity[price] = quantity

    def best(self) -> tuple[int, int]:
        """Return (price, quantity) of the best level, (0, 0) of an empty side."""
        while self._heap:
            price = -self._sign * self._heap[0]
            if price in self._quantity:
                return price, self._quantity[price]
            heapq.heappop(self._heap)
        return 0, 0

    def drop_better_than(self, price: int) -> dict[int, int]:
        """Empty every level that is strictly better than `price`; return their quantities by price, best first."""
        dropped = {}
        while (best := self.best())[1] and self._sign * (best[0] - price) > 0:
            dropped[best[0]] = self._quantity.pop(best[0])
        return dropped
