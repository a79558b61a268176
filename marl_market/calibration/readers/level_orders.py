"""Infers single orders of a feed that shows levels and fills: what a replay needs and such a feed does not tell.

By rule, since nothing is known: a level that grows has a new order of the difference, last in its queue. A fill takes
the first orders of its level; what it takes beyond them came and was filled between two updates, and better prices of
its side and prices of the other side at or through it are gone, whatever the last update said. What a level loses
besides is canceled from its last order on, as those that came last are canceled soonest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from marl_market.calibration.readers.book_side import BookSide
from marl_market.calibration.readers.message_log import MessageLog
from marl_market.market.tape import Side


class LevelOrders:
    """The inferred orders of each level, written into a log."""

    def __init__(self, log: MessageLog) -> None:
        self._log = log
        self._next_id = 0
        self._forget()

    def clear(self, time_ns: int) -> None:
        """Forget all orders, before a snapshot."""
        if self._queues:
            self._log.clear(time_ns)
        self._forget()

    def fill(self, time_ns: int, side: Side, price: int, quantity: int) -> None:
        """Fill `quantity` of the first orders of a level."""
        other = Side(-side)
        self._cancel_better_than(time_ns, side, price)
        self._cancel_better_than(time_ns, other, price - other)
        missing = quantity - self._levels[side].quantity(price)
        if missing > 0:
            self._rest(time_ns, side, price, missing)
        self._take(time_ns, side, price, quantity, filled=True)

    def change(self, time_ns: int, levels: Iterable[tuple[Side, int, int]]) -> None:
        """Let levels (side, price, quantity) hold their new quantities; those that fall are changed first."""
        changes = [(side, price, quantity - self._levels[side].quantity(price)) for side, price, quantity in levels]
        for side, price, more in sorted(changes, key=lambda change: (change[2], *change[:2])):
            if more > 0:
                self._rest(time_ns, side, price, more)
            else:
                self._take(time_ns, side, price, -more, filled=False)

    def _forget(self) -> None:
        self._queues: dict[tuple[Side, int], deque[list[int]]] = {}
        self._levels = {side: BookSide(side) for side in Side}

    def _rest(self, time_ns: int, side: Side, price: int, quantity: int) -> None:
        self._next_id += 1
        self._queues.setdefault((side, price), deque()).append([self._next_id, quantity])
        self._levels[side].put(price, self._levels[side].quantity(price) + quantity)
        self._log.rest(time_ns, self._next_id, side, price, quantity)

    def _take(self, time_ns: int, side: Side, price: int, quantity: int, filled: bool) -> None:
        """Fill the first orders of a level, or cancel the last ones; there is as much."""
        if quantity == 0:
            return
        self._levels[side].put(price, self._levels[side].quantity(price) - quantity)
        queue = self._queues[side, price]
        while quantity > 0:
            order = queue[0 if filled else -1]
            taken = min(order[1], quantity)
            (self._log.fill if filled else self._log.cancel)(time_ns, order[0], taken)
            quantity -= taken
            order[1] -= taken
            if order[1] == 0:
                queue.popleft() if filled else queue.pop()
        if not queue:
            del self._queues[side, price]

    def _cancel_better_than(self, time_ns: int, side: Side, price: int) -> None:
        while (best := self._levels[side].best())[1] and side * (best[0] - price) > 0:
            self._take(time_ns, side, *best, filled=False)
