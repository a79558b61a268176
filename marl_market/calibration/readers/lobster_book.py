"""Replays LOBSTER messages through a book of levels and records what happens in continuous trading.

One message file is enough; the book is rebuilt from it. Missing information is inferred:
- Orders that were already resting, or that were sent outside the file's price range, appear only when they are
  canceled or executed. Order ids are assigned in order flow, so each is placed before the first submission with a
  greater id, with the quantity that its messages add up to.
- Orders that were canceled outside the range stay in the rebuilt book. They are dropped as soon as a message proves
  them gone: a new resting order proves that the other side holds nothing at its price or beyond, and an execution
  proves that its own side holds nothing better. Neither is true of a venue that does not match.
- Only what no later message of the file reduces (before its last instant) can be proved gone. A submission at or
  through orders that have such messages never rested: LOBSTER writes none, but some venues report every order, takers
  and rejected ones too. It is left out with its cancel, and with its executions where the resting order has one of the
  same time, price and size.
- Executions and cancels of more than the level holds empty the level.

So the best quotes never cross. Orders without a message stay unknown: the book of a few minutes is too thin.

While trading is halted (messages of type 7) orders only rest, and nothing is recorded: the halt is a gap, which lasts
until trading resumes. Crosses (type 6, and executions with an order id below zero) and the visible executions at the
price of a cross within `CROSS_NS` of it are the venue's auctions: they change the book, but are neither trades nor
order flow of the recording.

Hidden executions are trades but leave the book as it is. Until 13 July 2014 their direction is that of the hidden
order; since then it is constant, and the aggressor is that of a visible execution of the same time, or else follows
from the quote rule: above the mid of the rebuilt book a buyer, below it a seller, at it unknown, which is a trade of
side 0 and no part of the order flow. Those between two ticks go to the nearest tick, half a tick upwards.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict

import numpy as np

from marl_market.calibration.readers.book_side import BookSide
from marl_market.calibration.readers.lobster_messages import RESTING, Message, Messages, MessageType
from marl_market.calibration.readers.recorder import Recorder
from marl_market.calibration.readers.source import Source
from marl_market.market.tape import FlowKind, Side

CROSS_NS = 10_000_000
"""How far from a cross a visible execution at its price belongs to it."""
HIDDEN = {
    Side.BUY: "hidden executions, bought",
    Side.SELL: "hidden executions, sold",
    0: "hidden executions at the mid, of an unknown side",
}
CONTINUOUS, HALTED = 1, -1
TAKER = "order sent at or through orders that rest on"


class LobsterBook:
    """The book of one file and its phase."""

    def __init__(self, source: Source, recorder: Recorder, hidden_directions: bool) -> None:
        self._source, self._recorder, self._summary = source, recorder, recorder.summary
        self._hidden_directions = hidden_directions
        self._book = {side: BookSide(side) for side in Side}
        self._alive = {side: BookSide(side) for side in Side}
        """What later messages of the file reduce, a part of the book."""
        self._reductions: dict[int, int] = {}
        self._takers: set[int] = set()
        self._executions: frozenset[tuple[int, ...]] = frozenset()
        self._halted_ns: int | None = None
        self._last_ns = 0
        # Orders that no later message takes wholly, by their place: their end is unknown where their level is dropped.
        self._endless: dict[tuple[int, int], list[int]] = defaultdict(list)

    def replay(self, messages: Messages, offset_ns: int) -> None:
        """Record all messages of the file, `offset_ns` later than they say."""
        unseen = _unseen_orders(messages)
        if unseen:
            self._summary.note("orders without a submission in the file", sum(map(len, unseen.values())))
        self._reductions, self._executions = _reductions(messages), _executions(messages)
        self._last_ns = messages[len(messages) - 1].time_ns
        crosses = _Crosses(messages)
        aggressors = _visible_aggressors(messages)
        self._recorder.log.begin(messages[0].time_ns + offset_ns)
        for index, message in enumerate(messages):
            time_ns = message.time_ns + offset_ns
            if not self._recorder.see(time_ns):
                self._summary.pass_over("outside of start and end", self._source, message.line)
            if index in unseen:
                for order in unseen[index]:
                    if not self._takes(order):
                        log = self._recorder.log
                        log.rest(time_ns - 1, order.order_id, order.direction, order.price, order.size)
                        self._rest(order)
                self._quote(time_ns)
            if message.type == MessageType.HALT:
                self._change_phase(time_ns, message.price, message.line)
            elif message.type == MessageType.CROSS or (message.order_id < 0 and message.type not in (1, 2, 3)):
                self._summary.note("auction crosses")
            elif message.type == MessageType.HIDDEN_EXECUTION:
                self._execute_hidden(time_ns, message, aggressors.get(message.time_ns, 0))
            else:
                self._change(time_ns, message, crosses.include(message))
        if self._halted_ns is not None:
            self._recorder.gap(self._halted_ns, time_ns, "halt")

    def _change(self, time_ns: int, message: Message, in_cross: bool) -> None:
        """Take in a message of a visible order."""
        if message.type == MessageType.SUBMISSION:
            self._submit(time_ns, message)
        elif message.order_id in self._takers and self._is_of_taker(message):
            self._summary.leave_out(TAKER, self._source, message.line)
        elif message.type == MessageType.VISIBLE_EXECUTION:
            self._execute(time_ns, message, in_cross)
            self._recorder.fill(time_ns, message.order_id, message.size, not in_cross and self._halted_ns is None)
            self._reduce(message)
        else:
            if self._halted_ns is None:
                self._recorder.order(time_ns, FlowKind.CANCEL, message.direction, message.price, message.size)
            quantity = None if message.type == MessageType.DELETION else message.size
            self._recorder.log.cancel(time_ns, message.order_id, quantity)
            if message.time_ns < self._last_ns:
                self._recorder.lives.cancel(time_ns, message.order_id, quantity)
            self._reduce(message)
        self._quote(time_ns)

    def _submit(self, time_ns: int, message: Message) -> None:
        if self._takes(message):
            self._takers.add(message.order_id)
            self._summary.leave_out(TAKER, self._source, message.line)
            return
        self._takers.discard(message.order_id)
        if self._halted_ns is None:
            self._recorder.order(time_ns, FlowKind.LIMIT, message.direction, message.price, message.size)
        self._recorder.rest(time_ns, message.order_id, message.direction, message.price, message.size)
        if self._reductions.get(message.order_id, 0) < message.size:
            self._endless[message.direction, message.price].append(message.order_id)
        self._rest(message)

    def _execute(self, time_ns: int, message: Message, in_cross: bool) -> None:
        if in_cross or self._halted_ns is not None:
            self._summary.note("visible executions in auction crosses")
            return
        self._recorder.trade(time_ns, -message.direction, message.price, message.size)
        self._drop_better_than(message.direction, message.price, message.line)

    def _reduce(self, message: Message) -> None:
        if message.order_id in self._takers:
            return
        side, alive = self._book[Side(message.direction)], self._alive[Side(message.direction)]
        held = side.quantity(message.price)
        if held < message.size:
            self._summary.repair("execution or cancel of more than its level holds", self._source, message.line)
        side.put(message.price, held - message.size)
        alive.put(message.price, alive.quantity(message.price) - message.size)

    def _takes(self, order: Message) -> bool:
        """Return whether the order meets others that have messages to come, so that it cannot rest."""
        best, quantity = self._alive[Side(-order.direction)].best()
        return self._halted_ns is None and quantity > 0 and order.direction * (order.price - best) >= 0

    def _is_of_taker(self, message: Message) -> bool:
        """Return whether the message of an order that did not rest says nothing that another does not."""
        other_side = (message.time_ns, message.size, message.price, -message.direction)
        return message.type != MessageType.VISIBLE_EXECUTION or other_side in self._executions

    def _execute_hidden(self, time_ns: int, message: Message, visible_aggressor: int) -> None:
        if self._halted_ns is not None:
            self._summary.note("hidden executions in auction crosses")
            return
        side = -message.direction if self._hidden_directions else visible_aggressor or self._quote_rule(message.price)
        self._summary.note(HIDDEN[side])
        self._recorder.log.fill_hidden(time_ns, side, message.price, message.size)
        self._recorder.trade(time_ns, side, message.price, message.size, hidden=True)

    def _quote_rule(self, price: int) -> int:
        (bid, bid_quantity), (ask, ask_quantity) = self._book[Side.BUY].best(), self._book[Side.SELL].best()
        if bid_quantity and ask_quantity:
            return int(np.sign(2 * price - bid - ask))
        if bid_quantity:
            return Side.SELL if price <= bid else 0
        return Side.BUY if ask_quantity and price >= ask else 0

    def _change_phase(self, time_ns: int, phase: int, line: int) -> None:
        if phase == CONTINUOUS and self._halted_ns is not None:
            self._recorder.gap(self._halted_ns, time_ns, "halt")
            self._halted_ns = None
            self._uncross(line)
            self._quote(time_ns)
        elif phase == HALTED and self._halted_ns is None:
            self._halted_ns = time_ns

    def _rest(self, order: Message) -> None:
        side, alive = self._book[Side(order.direction)], self._alive[Side(order.direction)]
        side.put(order.price, side.quantity(order.price) + order.size)
        reduced = min(order.size, self._reductions.get(order.order_id, 0))
        alive.put(order.price, alive.quantity(order.price) + reduced)
        if self._halted_ns is None:
            self._drop_better_than(-order.direction, order.price + order.direction, order.line)

    def _drop_better_than(self, direction: int, price: int, line: int) -> None:
        """Drop what is better than `price` and has no message to come."""
        side, alive = self._book[Side(direction)], self._alive[Side(direction)]
        best, quantity = side.best()
        if not quantity or direction * (best - price) <= 0:
            return
        for level, held in side.drop_better_than(price).items():
            kept = min(held, alive.quantity(level))
            side.put(level, kept)
            if kept < held:
                self._summary.repair("level proved gone", self._source, line)
                for order_id in self._endless.pop((direction, level), ()):
                    self._recorder.lives.forget(order_id)

    def _quote(self, time_ns: int) -> None:
        if self._halted_ns is None:
            self._recorder.quote(time_ns, self._book[Side.BUY], self._book[Side.SELL])

    def _uncross(self, line: int) -> None:
        """Empty the smaller of the best levels until they do not cross."""
        bids, asks = self._book[Side.BUY], self._book[Side.SELL]
        while True:
            (bid, bid_quantity), (ask, ask_quantity) = bids.best(), asks.best()
            if not bid_quantity or not ask_quantity or bid < ask:
                return
            self._summary.repair("level that crossed after a halt", self._source, line)
            if bid_quantity <= ask_quantity:
                bids.put(bid, 0)
            else:
                asks.put(ask, 0)


class _Crosses:
    """Times and prices of the crosses of a file."""

    def __init__(self, messages: Messages) -> None:
        kind, order_id = messages.array("type"), messages.array("order_id")
        found = (kind == MessageType.CROSS) | (kind == MessageType.VISIBLE_EXECUTION) & (order_id < 0)
        self._times = messages.array("time_ns")[found].tolist()
        self._prices = messages.array("price")[found].tolist()

    def include(self, message: Message) -> bool:
        """Return whether a visible execution is a part of a cross."""
        if not self._times or message.type != MessageType.VISIBLE_EXECUTION:
            return False
        first = bisect_left(self._times, message.time_ns - CROSS_NS)
        last = bisect_right(self._times, message.time_ns + CROSS_NS)
        return message.price in self._prices[first:last]


def _visible_aggressors(messages: Messages) -> dict[int, int]:
    """Return the aggressor's side by time, where visible and hidden orders were executed at that time."""
    kind, time_ns = messages.array("type"), messages.array("time_ns")
    visible = (kind == MessageType.VISIBLE_EXECUTION) & np.isin(time_ns, time_ns[kind == MessageType.HIDDEN_EXECUTION])
    aggressors: dict[int, int] = {}
    for time, direction in zip(time_ns[visible].tolist(), messages.array("direction")[visible].tolist(), strict=True):
        # Both sides at one time have no single aggressor.
        aggressors[time] = -direction if aggressors.get(time, -direction) == -direction else 0
    return aggressors


def _reductions(messages: Messages) -> dict[int, int]:
    """Return what the cancels and executions of each order add up to.

    Without those of the last instant, at which some recordings close every order, those included whose end they missed.
    """
    time_ns = messages.array("time_ns")
    reduces = np.isin(messages.array("type"), list(RESTING - {MessageType.SUBMISSION})) & (time_ns < time_ns[-1])
    ids, inverse = np.unique(messages.array("order_id")[reduces], return_inverse=True)
    size = np.zeros(len(ids), np.int64)
    np.add.at(size, inverse, messages.array("size")[reduces])
    return dict(zip(ids.tolist(), size.tolist(), strict=True))


def _executions(messages: Messages) -> frozenset[tuple[int, ...]]:
    """Return time, size, price and direction of the visible executions."""
    visible = messages.array("type") == MessageType.VISIBLE_EXECUTION
    columns = (messages.array(name)[visible].tolist() for name in ("time_ns", "size", "price", "direction"))
    return frozenset(zip(*columns, strict=True))


def _unseen_orders(messages: Messages) -> dict[int, list[Message]]:
    """Return the orders without a submission in the file, by the index of the message that they precede."""
    kind, order_id = messages.array("type"), messages.array("order_id")
    submitted = kind == MessageType.SUBMISSION
    (resting,) = np.nonzero(np.isin(kind, list(RESTING)) & ~((kind == MessageType.VISIBLE_EXECUTION) & (order_id < 0)))
    ids, first, inverse = np.unique(order_id[resting], return_index=True, return_inverse=True)
    size = np.zeros(len(ids), np.int64)
    np.add.at(size, inverse, messages.array("size")[resting])
    newest_id = np.maximum.accumulate(np.where(submitted, order_id, 0))
    unseen: dict[int, list[Message]] = defaultdict(list)
    for place in np.argsort(first).tolist():
        index = int(resting[first[place]])
        if not submitted[index]:
            order = messages[index]._replace(size=int(size[place]))
            unseen[int(np.searchsorted(newest_id, order.order_id))].append(order)
    return unseen
