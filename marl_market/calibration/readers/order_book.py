"""A book rebuilt order by order from a feed that names each order.

Why orders and levels: a feed reduces an order by its number, and the best quotes are read from levels.

Assumptions: prices and quantities are whole numbers of any unit; queue positions are not kept, since no estimate of a
tape reads them. The lives of orders are in `order_lives`.
"""

from __future__ import annotations

from typing import NamedTuple

from marl_market.calibration.readers.book_side import BookSide
from marl_market.market.tape import Side


class Order(NamedTuple):
    """What rests of one order."""

    side: Side
    price: int
    quantity: int


class OrderBook:
    """The resting orders of one instrument, by number, and their levels."""

    def __init__(self) -> None:
        self.levels = {side: BookSide(side) for side in Side}
        self._orders: dict[int, Order] = {}

    def __len__(self) -> int:
        return len(self._orders)

    def get(self, order_id: int) -> Order | None:
        """Return the order, None where it does not rest."""
        return self._orders.get(order_id)

    def add(self, order_id: int, order: Order) -> None:
        """Let an order rest; an older order of the number is removed."""
        self.reduce(order_id)
        self._orders[order_id] = order
        self._change(order.side, order.price, order.quantity)

    def reduce(self, order_id: int, quantity: int | None = None) -> int:
        """Take `quantity`, all where None, off an order and return what was taken: at most what rests."""
        order = self._orders.get(order_id)
        if order is None:
            return 0
        taken = order.quantity if quantity is None else min(quantity, order.quantity)
        if taken == order.quantity:
            del self._orders[order_id]
        else:
            self._orders[order_id] = order._replace(quantity=order.quantity - taken)
        self._change(order.side, order.price, -taken)
        return taken

    def clear(self) -> None:
        """Remove all orders."""
        self.levels = {side: BookSide(side) for side in Side}
        self._orders.clear()

    def clear_side(self, side: Side) -> None:
        """Remove all orders of one side."""
        self.levels[side] = BookSide(side)
        self._orders = {number: order for number, order in self._orders.items() if order.side != side}

    def drop_better_than(self, side: Side, price: int) -> list[int]:
        """Remove the orders of `side` at strictly better prices than `price`, and return their numbers."""
        better = [number for number, order in self._orders.items() if _is_better(order, side, price)]
        for number in better:
            self.reduce(number)
        return better

    @property
    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask: then no continuous trading forms this book."""
        (bid, bid_quantity), (ask, ask_quantity) = self.levels[Side.BUY].best(), self.levels[Side.SELL].best()
        return bool(bid_quantity and ask_quantity and bid >= ask)

    def _change(self, side: Side, price: int, quantity: int) -> None:
        level = self.levels[side]
        level.put(price, level.quantity(price) + quantity)


def _is_better(order: Order, side: Side, price: int) -> bool:
    return order.side == side and side * (order.price - price) > 0
