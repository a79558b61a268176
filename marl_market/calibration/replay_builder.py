"""Builds a replay from the log of a reader: messages that, sent to an empty book, make the recorded book and trades.

What the log lacks or contradicts:

- Fills at one time of one side are one aggressor, whatever hidden orders it met on the way. Where a fill names an order
  that is not first in price and time, the orders that the venue passed over (their priority is unknown, or they were
  not to trade) are canceled and sent anew behind it.
- A hidden order is sent just before its fill, if its price lies between the quotes; other hidden fills are left out, as
  they would trade with other orders.
- A fill proves that better prices of its side are gone, and an order that would trade as it comes to rest that the
  orders it meets are, where nothing is said of them later. Else the order that comes is left out, with all that is said
  of it.
- What is said of an order that does not rest is left out, and so are orders that never come within `reach_ticks` of the
  best price of their side.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.readers.message_log import ALL, LogKind, MessageLog
from marl_market.calibration.readers.source import DataError
from marl_market.calibration.readers.steps import Step
from marl_market.calibration.replay_book import ReplayBook, Resting
from marl_market.calibration.replay_reach import assign_places, orders_of, within_reach
from marl_market.market.replay_tape import MESSAGE, MessageKind, ReplayTape
from marl_market.market.tape import Side

HIDDEN_ID = -(2**62)
"""Id of the hidden order that is about to be filled."""


class ReplayBuilder:
    """Messages in the making; prices in ticks, quantities in lots."""

    def __init__(self, last_row: dict[int, int]) -> None:
        """Build the messages of a log whose orders are named for the last time in these rows."""
        self.left_out: Counter[str] = Counter()
        self._last_row = last_row
        self._book = ReplayBook()
        self._rows: list[tuple[int, ...]] = []
        self._takers: set[int] = set()
        self._fills: list[tuple[Resting, int]] = []
        self._fills_row, self._fills_ns = 0, 0

    def take(self, row: int, time_ns: int, kind: int, order_id: int, side: int, price: int, quantity: int) -> None:
        """Take one row of the log."""
        if kind == LogKind.FILL:
            self._fill(row, time_ns, order_id, quantity)
            return
        self._end_fills()
        if kind == LogKind.REST:
            self._rest(row, time_ns, order_id, side, price, quantity)
        elif kind == LogKind.CANCEL:
            self._cancel(time_ns, order_id, quantity)
        elif kind == LogKind.HIDDEN_FILL:
            self._fill_hidden(time_ns, side, price, quantity)
        else:
            for order in self._book.orders():
                self._reduce(time_ns, order, order.left)

    def messages(self) -> NDArray[np.void]:
        """Return all messages."""
        self._end_fills()
        return np.array(self._rows, MESSAGE)

    def _rest(self, row: int, time_ns: int, order_id: int, side: int, price: int, quantity: int) -> None:
        old = self._book.get(order_id)
        if old is not None:
            self.left_out["orders whose end is missing"] += 1
            self._reduce(time_ns, old, old.left)
        best, lots = self._book.best(-side)
        if lots and side * (price - best) >= 0 and not self._drop(row, time_ns, self._book.at_or_through(-side, price)):
            self.left_out["orders sent at or through orders that rest on"] += 1
            self._takers.add(order_id)
            return
        self._takers.discard(order_id)
        self._submit(time_ns, order_id, side, price, quantity)

    def _drop(self, row: int, time_ns: int, orders: list[Resting]) -> bool:
        """Cancel orders of which nothing is said later; return whether that is so of all."""
        if not all(self._is_silent(order, row) for order in orders):
            return False
        for order in orders:
            self.left_out["orders proved gone"] += 1
            self._reduce(time_ns, order, order.left)
        return True

    def _is_silent(self, order: Resting, row: int) -> bool:
        """Return whether nothing is said of an order behind a row."""
        return self._last_row.get(order.order_id, -1) <= row

    def _cancel(self, time_ns: int, order_id: int, quantity: int) -> None:
        order = self._book.get(order_id)
        if order is None:
            self.left_out["cancels of orders that do not rest"] += order_id not in self._takers
        else:
            self._reduce(time_ns, order, order.left if quantity == ALL else min(quantity, order.left))

    def _fill(self, row: int, time_ns: int, order_id: int, quantity: int) -> None:
        order = self._book.get(order_id)
        if self._fills and not self._is_of_aggressor(time_ns, order):
            self._end_fills()
            order = self._book.get(order_id)
        if order is None:
            self.left_out["fills of orders that do not rest"] += order_id not in self._takers
        else:
            self._fills_row, self._fills_ns = row, time_ns
            self._fills.append((order, min(quantity, order.left)))

    def _is_of_aggressor(self, time_ns: int, order: Resting | None) -> bool:
        """Return whether the fill of an order belongs to the aggressor of the fills so far."""
        return (
            order is not None
            and time_ns == self._fills_ns
            and order.side == self._fills[0][0].side
            and all(filled is not order for filled, _ in self._fills)
        )

    def _end_fills(self) -> None:
        """Write the aggressors of the fills so far: one, or several where the venue passed over orders."""
        if not self._fills:
            return
        fills, self._fills = self._fills, []
        side, time_ns = fills[0][0].side, self._fills_ns
        passed_over: dict[int, tuple[int, int]] = {}
        taken: list[tuple[Resting, int]] = []
        for named, quantity in fills:
            order, order_id = named, named.order_id
            if self._book.first(side) is not order:
                self._write_take(time_ns, taken)
                taken = []
                if order_id in passed_over:
                    order = self._submit(time_ns, order_id, side, *passed_over.pop(order_id))
                while (first := self._book.first(side)) is not order:
                    if first.price != order.price and self._is_silent(first, self._fills_row):
                        self.left_out["orders proved gone"] += 1
                    else:
                        self.left_out["queue places of orders that the venue passed over"] += 1
                        passed_over[first.order_id] = first.price, first.left
                    self._reduce(time_ns, first, first.left)
            taken.append((order, quantity))
            self._book.reduce(order, quantity)
        self._write_take(time_ns, taken)
        for order_id, (price, lots) in passed_over.items():
            self._submit(time_ns, order_id, side, price, lots)

    def _write_take(self, time_ns: int, taken: list[tuple[Resting, int]]) -> None:
        """Write an aggressor and its fills, which have left the book."""
        if not taken:
            return
        last = taken[-1][0]
        self._write(time_ns, MessageKind.TAKE, None, -last.side, last.price, sum(lots for _, lots in taken), 0)
        for order, lots in taken:
            self._write(time_ns, MessageKind.FILL, order, order.side, order.price, lots, order.left)

    def _fill_hidden(self, time_ns: int, aggressor_side: int, price: int, quantity: int) -> None:
        if not aggressor_side:
            self.left_out["hidden fills of an unknown side"] += 1
            return
        side = -aggressor_side
        (own, own_lots), (other, other_lots) = self._book.best(side), self._book.best(-side)
        if (own_lots and side * (price - own) <= 0) or (other_lots and side * (other - price) <= 0):
            self.left_out["hidden fills not between the quotes"] += 1
            return
        order = self._submit(time_ns, HIDDEN_ID, side, price, quantity)
        self._book.reduce(order, quantity)
        self._write_take(time_ns, [(order, quantity)])

    def _submit(self, time_ns: int, order_id: int, side: int, price: int, quantity: int) -> Resting:
        order = self._book.add(order_id, side, price, quantity)
        self._write(time_ns, MessageKind.SUBMIT, order, side, price, quantity, quantity)
        return order

    def _reduce(self, time_ns: int, order: Resting, quantity: int) -> None:
        self._book.reduce(order, quantity)
        self._write(time_ns, MessageKind.REDUCE, order, order.side, order.price, quantity, order.left)

    def _write(
        self, time_ns: int, kind: MessageKind, order: Resting | None, side: int, price: int, quantity: int, left: int
    ) -> None:
        number = -1 if order is None else order.number
        bid, ask = self._book.best(Side.BUY)[0], self._book.best(Side.SELL)[0]
        self._rows.append((time_ns, quantity, left, number, -1, kind, side, price, bid, ask, 0))


def build_replay(
    log: MessageLog,
    tick: Step,
    lot: Step,
    sessions: NDArray[np.int64],
    reach_ticks: float | None = None,
    inferred: bool = False,
) -> ReplayTape:
    """Return the replay of a log in the file's units; arguments as in `ReplayTape`.

    What is no whole lot is rounded, to one lot or more. Raises DataError where no order is left.
    """
    kind, order_id = log.column("kind"), log.column("order_id")
    price = (2 * log.column("price") + tick.units) // (2 * tick.units)
    quantity = log.column("quantity")
    quantity = np.where(quantity == ALL, ALL, np.maximum((2 * quantity + lot.units) // (2 * lot.units), 1))
    builder = ReplayBuilder(_last_rows(log))
    columns = (log.column("time_ns"), kind, order_id, log.column("side"), price, quantity)
    for row, values in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        builder.take(row, *values)
    messages = builder.messages()
    kept = messages if reach_ticks is None else within_reach(messages, reach_ticks)
    builder.left_out["orders beyond reach_ticks"] += orders_of(messages) - orders_of(kept)
    left_out = {reason: number for reason, number in builder.left_out.items() if number}
    if not kept.size:
        raise DataError("no message of a single order is inside of start and end")
    assign_places(kept)
    return ReplayTape(tick.size, lot.size, kept, sessions, inferred, left_out)


def _last_rows(log: MessageLog) -> dict[int, int]:
    """Return the last row of each order before the last time, at which some recordings close every order."""
    time_ns, order_id = log.column("time_ns"), log.column("order_id")
    rows = np.flatnonzero(np.isin(log.column("kind"), (LogKind.CANCEL, LogKind.FILL)) & (time_ns < time_ns[-1:]))
    ids, last = np.unique(order_id[rows][::-1], return_index=True)
    return dict(zip(ids.tolist(), rows[::-1][last].tolist(), strict=True))
