"""Infers the order flow of a feed that shows levels and fills, not orders; shared by the readers of such feeds.

A feed gives absolute new quantities of levels, and fills. Level by level:

    new quantity - old quantity = limit orders - cancels - fills since the level's last update

and each level of an update becomes one limit order or one cancel of that net quantity: rates are lower bounds, the
lower the more the venue batches its updates. Updates of one time are one, and fills of one time precede them. Offsets
count from the best quotes before an update.

What a feed may do wrong is repaired and counted:
- An update that leaves the book crossed shows that an earlier one was lost: the levels at or beyond its own, on the
  other side, are stale and dropped. They are no cancels.
- A fill whose number was seen before is left out; missing numbers are counted.
- Before the first snapshot and after a LOSS the book is unknown: updates and fills are not used, and the time from the
  loss to the next snapshot is a gap. So is the time between the last event and a later snapshot, which replaces the
  book without orders.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import IntEnum
from itertools import groupby
from typing import NamedTuple

from marl_market.calibration.readers.book_side import BookSide
from marl_market.calibration.readers.json_lines import Line
from marl_market.calibration.readers.level_orders import LevelOrders
from marl_market.calibration.readers.reader import Reading
from marl_market.calibration.readers.times import MINUTE_NS
from marl_market.calibration.readers.trade_ids import TradeIds
from marl_market.market.tape import FlowKind, Side

CROSSED = "update that crosses the book: stale levels of the other side dropped"
DUPLICATE = "fill whose number was seen before"
MISSING = "number of a fill after missing ones"
BEFORE = "before the first snapshot"
UNKNOWN = "between a loss and the next snapshot"


class Kind(IntEnum):
    """Kind of an event; those of one time are taken in this order, so that fills precede the updates they cause."""

    SNAPSHOT = 0
    TRADE = 1
    UPDATE = 2
    LOSS = 3
    HEARTBEAT = 4
    OTHER = 5


_NAMES = {Kind.TRADE: "fills", Kind.UPDATE: "updates"}


class Change(NamedTuple):
    """One level of the book and its new quantity, or the resting side of one fill, in units of 10^-PLACES."""

    side: Side
    price: int
    quantity: int


class Event(NamedTuple):
    """One message, or one part of a message that has several.

    Attributes:
        kind: SNAPSHOT replaces the book, UPDATE changes levels, LOSS makes the book unknown, OTHER is passed over.
        line: that it stands in.
        product: that it is about; empty for all.
        time_ns: nanoseconds since 1970; None where it tells none.
        changes: levels of the book, or one fill; none for a fill outside the book.
        trade_id: consecutive number of the fill, if any.
        numbers: of the update or snapshot, as the feed counts them.
        partial: whether the snapshot may lack levels beyond its outermost ones.
        name: of the message, or reason of a LOSS.
    """

    kind: Kind
    line: Line
    product: str = ""
    time_ns: int | None = None
    changes: tuple[Change, ...] = ()
    trade_id: int | None = None
    numbers: tuple[int, ...] = ()
    partial: bool = False
    name: str = ""


class LevelReplay:
    """Replays the events of one product, in order of time, into a recorder."""

    def __init__(self, reading: Reading) -> None:
        self._reading, self._recorder, self._summary = reading, reading.recorder, reading.summary
        self._book: dict[Side, BookSide] | None = None
        # Outermost price of a partial snapshot, and the levels beyond it that have been shown since.
        self._edge: dict[Side, int] = {}
        self._shown: set[tuple[Side, int]] = set()
        # Matched quantity of a level that no update has reported yet.
        self._matched: dict[tuple[Side, int], int] = defaultdict(int)
        self._trade_ids = TradeIds()
        self._orders = LevelOrders(reading.recorder.log)
        self._last_ns = 0
        self._begins_file = False
        self._loss = ""

    @property
    def has_begun(self) -> bool:
        """Return whether there was a snapshot."""
        return self._book is not None or bool(self._loss)

    def begin_file(self, numbered: bool) -> None:
        """Expect the events of the next file; without numbers of updates the book is lost over a minute or more."""
        self._begins_file = not numbered

    def take(self, events: Iterable[tuple[int, Event]]) -> None:
        """Replay (time, event); the first of a file may be a little earlier than the last of the file before."""
        for time_ns, together in groupby(events, key=lambda timed: timed[0]):
            if self._begins_file and self._book and time_ns >= self._last_ns + MINUTE_NS:
                self._book, self._loss = None, "between files"
            self._begins_file = False
            self._last_ns = max(self._last_ns, time_ns)
            ordered = sorted((event for _, event in together), key=_kind)
            for kind, group in groupby(ordered, key=_kind):
                self._take(self._last_ns, kind, list(group))

    def _take(self, time_ns: int, kind: Kind, events: list[Event]) -> None:
        if kind == Kind.SNAPSHOT:
            self._replace(time_ns, events[-1])
        elif self._book is None:
            self._pass_by(kind, events)
        elif kind == Kind.LOSS:
            self._book, self._loss = None, events[-1].name
        else:
            self._recorder.see(time_ns)
            if kind == Kind.TRADE:
                for event in events:
                    self._fill(time_ns, event)
            elif kind == Kind.UPDATE:
                self._update(time_ns, self._book, events)
            else:
                self._pass_over("heartbeats", events)

    def _pass_by(self, kind: Kind, events: list[Event]) -> None:
        """Count events that find no book; to have come before the first snapshot is no fault of fills."""
        if kind == Kind.HEARTBEAT:
            self._pass_over("heartbeats", events)
        elif kind == Kind.TRADE and not self._loss:
            self._pass_over(f"fills {BEFORE}", events)
        elif kind != Kind.LOSS:
            for event in events:
                reason = f"{_NAMES[kind]} {UNKNOWN if self._loss else BEFORE}"
                self._summary.leave_out(reason, event.line.source, event.line.number)

    def _pass_over(self, reason: str, events: list[Event]) -> None:
        for event in events:
            self._summary.pass_over(reason, event.line.source, event.line.number)

    def _replace(self, time_ns: int, event: Event) -> None:
        self._recorder.interrupt(self._loss or "new snapshot")
        self._recorder.see(time_ns)
        self._loss = ""
        book = self._book = {side: BookSide(side) for side in Side}
        self._orders.clear(time_ns)
        self._matched.clear()
        self._shown.clear()
        changes = self._on_grid(event)
        for side, price, quantity in changes:
            book[side].put(price, quantity)
        self._edge = _outermost(changes) if event.partial else {}
        self._finish(time_ns, book, event, changes)

    def _fill(self, time_ns: int, event: Event) -> None:
        line = event.line
        if event.trade_id is not None:
            missing = self._trade_ids.missing_before(event.trade_id)
            if missing is None:
                self._summary.leave_out(DUPLICATE, line.source, line.number, str(event.trade_id))
                return
            if missing > 0:
                self._summary.repair(MISSING, line.source, line.number, str(event.trade_id))
            if missing:
                self._summary.note("fills missing by their numbers", missing)
        if not event.changes:
            self._pass_over("fills outside the book", [event])
            return
        ((side, price, quantity),) = self._on_grid(event)
        self._orders.fill(time_ns, side, price, quantity)
        self._recorder.trade(time_ns, -side, price, quantity)
        self._matched[side, price] += quantity

    def _update(self, time_ns: int, book: dict[Side, BookSide], events: list[Event]) -> None:
        changes = [change for event in events for change in self._on_grid(event)]
        for (side, price), quantity in {(side, price): quantity for side, price, quantity in changes}.items():
            net = quantity - book[side].quantity(price) + self._matched.pop((side, price), 0)
            if net and not self._was_beyond(side, price):
                self._recorder.order(time_ns, FlowKind.LIMIT if net > 0 else FlowKind.CANCEL, side, price, abs(net))
            book[side].put(price, quantity)
        self._finish(time_ns, book, events[-1], changes)

    def _finish(self, time_ns: int, book: dict[Side, BookSide], event: Event, changes: list[Change]) -> None:
        (bid, bids), (ask, asks) = book[Side.BUY].best(), book[Side.SELL].best()
        levels = {(side, price) for side, price, _ in changes}
        if bids and asks and bid >= ask:
            self._summary.repair(CROSSED, event.line.source, event.line.number)
            levels |= self._drop_stale(book, changes)
        self._orders.change(time_ns, [(*level, book[level[0]].quantity(level[1])) for level in levels])
        self._recorder.quote(time_ns, book[Side.BUY], book[Side.SELL])

    def _drop_stale(self, book: dict[Side, BookSide], changes: list[Change]) -> set[tuple[Side, int]]:
        """Drop the levels that cross those of an update, and return them."""
        dropped = set()
        # Where one update crosses itself, the level that it names last is right.
        for side, price, _ in reversed(changes):
            if book[side].quantity(price):
                other = Side(-side)
                for stale in book[other].drop_better_than(price + side):
                    self._matched.pop((other, stale), None)
                    dropped.add((other, stale))
        return dropped

    def _was_beyond(self, side: Side, price: int) -> bool:
        """Return whether a level lies beyond a partial snapshot and is shown for the first time: no order is known."""
        if side not in self._edge or side * (price - self._edge[side]) >= 0 or (side, price) in self._shown:
            return False
        self._shown.add((side, price))
        return True

    def _on_grid(self, event: Event) -> list[Change]:
        prices, sizes, (source, number, *_) = self._reading.prices, self._reading.sizes, event.line
        return [
            Change(side, prices.price(price, side, source, number), sizes.size(quantity, source, number))
            for side, price, quantity in event.changes
        ]


def _kind(event: Event) -> Kind:
    return event.kind


def _outermost(changes: list[Change]) -> dict[Side, int]:
    prices = {side: [change.price for change in changes if change.side == side] for side in Side}
    return {side: (min if side == Side.BUY else max)(each) for side, each in prices.items() if each}
