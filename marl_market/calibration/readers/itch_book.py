"""Replays the messages of one stock of ITCH 5.0 into a tape; `itch` says by which rules."""

from __future__ import annotations

from marl_market.calibration.readers import itch_messages as parse
from marl_market.calibration.readers.interruption import Interruption
from marl_market.calibration.readers.order_book import Order, OrderBook
from marl_market.calibration.readers.reader import Reading
from marl_market.calibration.readers.source import Source
from marl_market.calibration.readers.times import Row
from marl_market.market.tape import FlowKind, Side

MARKET_HOURS = {"O": False, "S": False, "Q": True, "M": False, "E": False, "C": False}
"""Whether the market is open after a system event."""

TRADING = "T"
NASDAQ = "Q"


class Replay:
    """The book of one stock in one file, and what its messages add to the tape."""

    def __init__(self, source: Source, reading: Reading, extended_hours: bool) -> None:
        self._source, self._reading = source, reading
        self._recorder, self._summary = reading.recorder, reading.summary
        self._extended_hours = extended_hours
        self._book = OrderBook()
        # Without a system event the file is a part of a day, taken as it is.
        self._open = True
        self._halted: set[str] = set()
        self._interruption = Interruption(reading.recorder)
        self._line, self._time_ns = 0, 0
        self._actions = {
            b"A": self._add, b"F": self._add, b"E": self._execute, b"C": self._execute, b"X": self._cancel,
            b"D": self._cancel, b"U": self._replace, b"P": self._trade_hidden, b"Q": self._cross, b"H": self._halt,
            b"h": self._halt_on_nasdaq, b"B": self._break,
        }  # fmt: skip

    def read(self, row: Row[bytes]) -> None:
        """Record one message."""
        self._time_ns, self._line, message, _ = row
        if message[:1] == b"S":
            self._begin_or_end_hours(parse.system_event(message))
            return
        if self._open:
            self._recorder.see(self._time_ns)
        else:
            self._summary.note("messages outside of the market hours")
        if message[:1] in self._actions:
            self._actions[message[:1]](message)

    def end(self) -> None:
        """End an interruption that the file leaves open."""
        self._interruption.end(self._time_ns)

    @property
    def _continuous(self) -> bool:
        return self._open and not self._interruption.active

    def _begin_or_end_hours(self, event: str) -> None:
        before, self._open = self._open, self._extended_hours or MARKET_HOURS.get(event, self._open)
        if self._open and not before:
            self._recorder.see(self._time_ns)
            self._update()
        elif before and not self._open:
            self._interruption.end(self._time_ns)

    def _halt(self, message: bytes) -> None:
        self._set_halted("all venues", parse.trading_state(message) != TRADING)

    def _halt_on_nasdaq(self, message: bytes) -> None:
        market, state = parse.operational_state(message)
        if market == NASDAQ:
            self._set_halted("Nasdaq", state != TRADING)

    def _set_halted(self, where: str, halted: bool) -> None:
        (self._halted.add if halted else self._halted.discard)(where)
        self._update()

    def _add(self, message: bytes) -> None:
        added = parse.added(message)
        if added.shares <= 0 or added.price <= 0:
            self._summary.leave_out("order without a price or shares", self._source, self._line)
            return
        if self._book.get(added.order_id):
            self._summary.repair("order added twice", self._source, self._line)
        self._rest(added.order_id, added.side, added.price, added.shares)
        self._update()

    def _execute(self, message: bytes) -> None:
        executed = parse.executed(message)
        order = self._known(executed.order_id)
        if order is None:
            return
        shares = self._reduce(executed.order_id, order, executed.shares)
        self._recorder.fill(self._time_ns, executed.order_id, shares, executed.printable and self._continuous)
        if executed.printable:
            side = -order.side if self._continuous else 0
            self._trade(side, executed.price or order.price, shares)
        else:
            self._summary.note("executions whose volume a cross reports")
        self._update()

    def _cancel(self, message: bytes) -> None:
        canceled = parse.canceled(message)
        order = self._known(canceled.order_id)
        if order is not None:
            shares = self._reduce(canceled.order_id, order, canceled.shares)
            self._recorder.cancel(self._time_ns, canceled.order_id, shares)
            self._record(FlowKind.CANCEL, order, shares)
            self._update()

    def _replace(self, message: bytes) -> None:
        replaced = parse.replaced(message)
        order = self._known(replaced.order_id)
        if order is None:
            return
        self._record(FlowKind.CANCEL, order, self._reduce(replaced.order_id, order, None))
        self._recorder.cancel(self._time_ns, replaced.order_id)
        if replaced.shares and replaced.price:
            self._rest(replaced.new_order_id, order.side, replaced.price, replaced.shares)
        self._update()

    def _trade_hidden(self, message: bytes) -> None:
        trade = parse.hidden_trade(message)
        self._summary.note("hidden executions")
        side = self._side_by_quotes(trade.price) if self._continuous else 0
        if self._continuous:
            self._recorder.log.fill_hidden(self._time_ns, side, trade.price, trade.shares)
        self._trade(side, trade.price, trade.shares, hidden=True)

    def _cross(self, message: bytes) -> None:
        cross = parse.cross(message)
        self._summary.note(f"crosses of kind {cross.kind}")
        if cross.shares and cross.price:
            self._trade(0, cross.price, cross.shares)

    def _break(self, message: bytes) -> None:
        self._summary.note("broken trades, which stay in the tape")

    def _known(self, order_id: int) -> Order | None:
        order = self._book.get(order_id)
        if order is None:
            self._summary.leave_out("message of an order that the file never added", self._source, self._line)
        return order

    def _reduce(self, order_id: int, order: Order, shares: int | None) -> int:
        if shares is not None and shares > order.quantity:
            self._summary.repair("more shares taken than rest", self._source, self._line)
        return self._book.reduce(order_id, shares)

    def _rest(self, order_id: int, side: Side, price: int, shares: int) -> None:
        price = self._reading.prices.price(price, side, self._source, self._line)
        order = Order(side, price, self._reading.sizes.size(shares, self._source, self._line))
        self._record(FlowKind.LIMIT, order, order.quantity)
        self._recorder.rest(self._time_ns, order_id, side, order.price, order.quantity)
        self._book.add(order_id, order)

    def _record(self, kind: FlowKind, order: Order, quantity: int) -> None:
        if self._continuous:
            self._recorder.order(self._time_ns, kind, order.side, order.price, quantity)

    def _trade(self, side: int, price: int, shares: int, hidden: bool = False) -> None:
        if self._open:
            self._recorder.trade(self._time_ns, side, price, shares, hidden)

    def _update(self) -> None:
        """Begin or end an interruption, and record the quotes of continuous trading."""
        if not self._open:
            return
        if self._halted:
            self._interruption.begin(self._time_ns, "halt")
        elif self._book.crossed:
            self._interruption.begin(self._time_ns, "crossed book")
        else:
            self._interruption.end(self._time_ns)
            self._recorder.quote(self._time_ns, self._book.levels[Side.BUY], self._book.levels[Side.SELL])

    def _side_by_quotes(self, price: int) -> int:
        """Return the side of an aggressor that traded at `price`: by the mid of the quotes, 0 where they do not say."""
        (bid, bids), (ask, asks) = (self._book.levels[side].best() for side in (Side.BUY, Side.SELL))
        if not bids or not asks or 2 * price == bid + ask:
            return 0
        return Side.BUY if 2 * price > bid + ask else Side.SELL
