"""Replays the rows of one instrument of schema mbo into a tape; `databento` says by which rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from marl_market.calibration.readers.databento_rows import LAST, MAYBE_BAD_BOOK, SNAPSHOT, TOP_OF_BOOK, Message
from marl_market.calibration.readers.interruption import Interruption
from marl_market.calibration.readers.order_book import Order, OrderBook
from marl_market.calibration.readers.reader import Reading
from marl_market.calibration.readers.source import Source
from marl_market.calibration.readers.times import Row
from marl_market.market.tape import FlowKind, Side

CROSSED = "crossed book: call auction or lost rows"


class Replay:
    """The book of one instrument in one file, and what its rows add to the tape."""

    def __init__(self, source: Source, reading: Reading) -> None:
        self._source, self._reading = source, reading
        self._summary, self._recorder = reading.summary, reading.recorder
        self._book = OrderBook()
        self._line, self._time_ns = 0, 0
        self._inside_event = self._restored = self._before_opening = False
        self._crossed = Interruption(reading.recorder)
        self._filled: Counter[int] = Counter()
        self._trade: tuple[Side, int, int] | None = None
        self._actions = {
            "A": self._add, "C": self._cancel, "M": self._modify, "T": self._trade_begins, "F": self._fill,
        }  # fmt: skip

    def read(self, rows: Iterator[Row[Message]], before_opening: bool) -> None:
        """Record the rows of the file, which begins before its opening call auction or within continuous trading."""
        self._before_opening = before_opening
        for row in rows:
            self._line = row.line
            if row.message.action == "R" or row.message.flags & SNAPSHOT:
                self._restore(row.message)
                continue
            if row.time_ns != self._time_ns:
                self._end_event()
            self._begin_row(row.time_ns, row.message.flags)
            if row.message.action in self._actions:
                self._actions[row.message.action](row.message)
            if row.message.flags & LAST:
                self._end_event()
        self._end_event()

    def _begin_row(self, time_ns: int, flags: int) -> None:
        restored = self._restored and not self._before_opening
        if restored and self._time_ns:
            self._recorder.gap(self._time_ns, time_ns, "book sent again")
        if self._before_opening:
            self._summary.note("rows before the opening call auction")
        else:
            self._recorder.see(time_ns)
        if flags & MAYBE_BAD_BOOK:
            self._summary.note("rows behind a gap in the venue's feed")
        self._time_ns, self._inside_event, self._restored = time_ns, True, False
        if restored and not self._book.crossed:
            self._quote()

    def _restore(self, message: Message) -> None:
        """Take a row of a snapshot, the first of which, or a clearing, empties the book."""
        self._end_event()
        if message.action == "R" or not self._restored:
            self._book.clear()
            self._recorder.clear(self._time_ns)
            self._restored = True
            self._crossed.forget()
        if message.action == "A" and message.side is not None and message.price is not None:
            order = self._order(message.side, message.price, message.size)
            self._book.add(message.order_id, order)
            self._recorder.log.rest(self._time_ns, message.order_id, order.side, order.price, order.quantity)

    def _add(self, message: Message) -> None:
        side, price = message.side, message.price
        if message.flags & TOP_OF_BOOK and side is not None:
            self._replace_side(side, message)
            return
        if side is None or price is None or message.size <= 0:
            self._summary.leave_out("order without a side, a price or a size", self._source, self._line)
            return
        if self._book.get(message.order_id):
            self._summary.repair("order added twice", self._source, self._line)
        order = self._order(side, price, message.size)
        self._record(FlowKind.LIMIT, order, order.quantity)
        self._rest(message.order_id, order)

    def _replace_side(self, side: Side, message: Message) -> None:
        self._summary.note("best quotes instead of orders")
        self._book.clear_side(side)
        if message.price is not None and message.size > 0:
            # Such rows have no order number; one a side will do.
            self._book.add(-side, self._order(side, message.price, message.size))

    def _cancel(self, message: Message) -> None:
        order = self._book.get(message.order_id)
        if order is None:
            self._summary.leave_out("cancel of an unknown order", self._source, self._line)
            return
        if message.size > order.quantity:
            self._summary.repair("cancel of more than rests", self._source, self._line)
        taken = self._book.reduce(message.order_id, message.size or None)
        canceled = taken - self._use_fills(message.order_id, taken)
        self._record(FlowKind.CANCEL, order, canceled)
        if canceled:
            self._recorder.cancel(self._time_ns, message.order_id, canceled)

    def _modify(self, message: Message) -> None:
        side, price, old = message.side, message.price, self._book.get(message.order_id)
        if old is None:
            self._summary.repair("modification of an unknown order, taken as a new one", self._source, self._line)
        if old is None or side is None or price is None or message.size <= 0:
            self._add(message)
            return
        new = self._order(side, price, message.size)
        filled = self._use_fills(message.order_id, old.quantity)
        left = old.quantity - filled
        if (new.side, new.price) == (old.side, old.price) and (filled or new.quantity <= left):
            self._record(FlowKind.CANCEL, old, max(left - new.quantity, 0))
            self._record(FlowKind.LIMIT, new, max(new.quantity - left, 0))
            if left:
                self._recorder.resize(self._time_ns, message.order_id, left, new)
                self._book.add(message.order_id, new)
                return
        else:
            self._record(FlowKind.CANCEL, old, left)
            self._record(FlowKind.LIMIT, new, new.quantity)
        self._recorder.cancel(self._time_ns, message.order_id)
        self._rest(message.order_id, new)

    def _trade_begins(self, message: Message) -> None:
        self._end_trade()
        if message.price is None or message.size <= 0:
            self._summary.leave_out("trade without a price or a size", self._source, self._line)
        elif message.side is None:
            self._summary.note("trades without an aggressor")
            self._before_opening = False
            self._recorder.see(self._time_ns)
            self._recorder.trade(self._time_ns, 0, message.price, message.size)
        else:
            if self._crossed.active and not self._filled:
                self._drop_stale(Side(-message.side), message.price)
            self._trade = (message.side, message.price, message.size)

    def _fill(self, message: Message) -> None:
        if self._trade is not None and message.side == self._trade[0]:
            # The aggressor rested until a modification made it cross; its own row takes it out of its old place.
            return
        self._filled[message.order_id] += message.size
        continuous = message.side is not None and not self._before_opening
        self._recorder.fill(self._time_ns, message.order_id, message.size, continuous)
        if self._trade is not None and message.price is not None:
            side, price, left = self._trade
            self._recorder.trade(self._time_ns, side, message.price, message.size)
            self._trade = (side, price, left - message.size)

    def _end_trade(self) -> None:
        """Record what no fill of a resting order accounts for: all of a trade where a venue sends no fills."""
        if self._trade is not None:
            side, price, left = self._trade
            if left > 0:
                self._recorder.trade(self._time_ns, side, price, left)
            self._trade = None

    def _end_event(self) -> None:
        if not self._inside_event:
            return
        self._end_trade()
        self._filled.clear()
        self._inside_event = False
        if self._before_opening:
            return
        if self._book.crossed:
            self._crossed.begin(self._time_ns, CROSSED)
            return
        self._crossed.end(self._time_ns)
        self._quote()

    def _drop_stale(self, side: Side, price: int) -> None:
        for order_id in self._book.drop_better_than(side, price):
            self._recorder.lives.forget(order_id)
            self._summary.repair("order that a trade at a worse price proves gone", self._source, self._line)

    def _use_fills(self, order_id: int, most: int) -> int:
        """Return the part, at most `most`, of a row's quantity that fills of the order have taken."""
        return min(self._filled.pop(order_id, 0), most)

    def _order(self, side: Side, price: int, size: int) -> Order:
        price = self._reading.prices.price(price, side, self._source, self._line)
        return Order(side, price, self._reading.sizes.size(size, self._source, self._line))

    def _rest(self, order_id: int, order: Order) -> None:
        self._book.add(order_id, order)
        self._recorder.rest(self._time_ns, order_id, order.side, order.price, order.quantity)

    def _record(self, kind: FlowKind, order: Order, quantity: int) -> None:
        if quantity and not self._before_opening and not self._crossed.active:
            self._recorder.order(self._time_ns, kind, order.side, order.price, quantity)

    def _quote(self) -> None:
        self._recorder.quote(self._time_ns, self._book.levels[Side.BUY], self._book.levels[Side.SELL])
