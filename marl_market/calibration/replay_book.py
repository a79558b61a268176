"""The recorded book, order by order and by priority, from which a replay's messages are written."""

from __future__ import annotations

from dataclasses import dataclass

from marl_market.calibration.readers.book_side import BookSide
from marl_market.market.tape import Side


@dataclass
class Resting:
    """An order that rests.

    Attributes:
        number: among all orders of the replay; one that is sent anew gets another.
        order_id: of the source.
        side: of the order.
        price: in ticks.
        left: lots.
    """

    number: int
    order_id: int
    side: int
    price: int
    left: int


class ReplayBook:
    """Orders by id, and each level's by priority."""

    def __init__(self) -> None:
        self._levels = {side: BookSide(side) for side in (Side.BUY, Side.SELL)}
        self._queues: dict[tuple[int, int], dict[int, Resting]] = {}
        self._orders: dict[int, Resting] = {}
        self._numbers = 0

    def get(self, order_id: int) -> Resting | None:
        """Return the order of an id, None where it does not rest."""
        return self._orders.get(order_id)

    def orders(self) -> list[Resting]:
        """Return all orders."""
        return list(self._orders.values())

    def add(self, order_id: int, side: int, price: int, quantity: int) -> Resting:
        """Let an order rest, last at its price; none of its id may rest."""
        order = Resting(self._numbers, order_id, side, price, quantity)
        self._numbers += 1
        self._orders[order_id] = order
        self._queues.setdefault((side, price), {})[order.number] = order
        self._change(order, quantity)
        return order

    def reduce(self, order: Resting, quantity: int) -> None:
        """Take `quantity` off an order that holds as much."""
        order.left -= quantity
        self._change(order, -quantity)
        if order.left == 0:
            del self._orders[order.order_id]
            queue = self._queues[order.side, order.price]
            del queue[order.number]
            if not queue:
                del self._queues[order.side, order.price]

    def best(self, side: int) -> tuple[int, int]:
        """Return price and quantity of the best level of a side, (0, 0) without one."""
        return self._levels[Side(side)].best()

    def first(self, side: int) -> Resting:
        """Return the order of a side that is filled next; there must be one."""
        price, _ = self.best(side)
        return next(iter(self._queues[side, price].values()))

    def at_or_through(self, side: int, price: int) -> list[Resting]:
        """Return the orders of a side whose prices are `price` or better, that is nearer to the other side."""
        prices = sorted((each for of, each in self._queues if of == side and side * (each - price) >= 0), reverse=True)
        return [order for each in prices for order in self._queues[side, each].values()]

    def _change(self, order: Resting, quantity: int) -> None:
        level = self._levels[Side(order.side)]
        level.put(order.price, level.quantity(order.price) + quantity)
