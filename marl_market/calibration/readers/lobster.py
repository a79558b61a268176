"""Reads LOBSTER message files (NASDAQ order messages, one line each, no header).

A line is `time,type,order id,size,price,direction`: seconds after midnight with up to nine decimals, the type below,
shares, dollars times 10000, +1 for a buy and -1 for a sell limit order. An execution of direction d was started by an
aggressor of direction -d. Source: LOBSTER sample files readme, 01 Sept 2013.

One message file is enough; the book is rebuilt from it. Missing information is inferred:
- Orders that were already resting, or that were sent outside the file's price range, appear only when they are
  canceled or executed. Order ids are assigned in order flow, so each is placed before the first submission with a
  greater id, with the quantity that its messages add up to.
- Orders that were canceled outside the range stay in the rebuilt book. They are dropped as soon as a message proves
  them gone: a new resting order proves that the other side holds nothing at its price or beyond, and an execution
  proves that its own side holds nothing better.
- Executions and cancels of more than the level holds empty the level.

So the best quotes never cross. Orders without a message stay unknown: the book of a few minutes is too thin.

Hidden executions are trades but leave the book as it is; those between two ticks (at the mid) go to the nearest tick,
half a tick upwards. Halts and auction crosses are counted as messages and otherwise ignored. Times may repeat but not
fall. Times in the tape are nanoseconds after midnight, New York time.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import accumulate
from typing import NamedTuple

from marl_market.calibration.readers.book_side import BookSide
from marl_market.calibration.readers.reader import Reader, Reading
from marl_market.calibration.readers.recorder import Recorder
from marl_market.calibration.readers.source import Head, Source
from marl_market.market.fees import Fees
from marl_market.market.tape import FlowKind, Side
from marl_market.market.units import NANOSECONDS_PER_SECOND

NASDAQ_FEES = Fees(taker_per_unit=0.0030, maker_per_unit=-0.0020)
"""Order of magnitude of NASDAQ's 2012 schedule, dollars per share, no volume tiers: replace it by your own tier."""

LINE = "time,type,order id,size,price,direction"
_MESSAGE = re.compile(r"\d+(\.\d+)?,[1-7],-?\d+,\d+,-?\d+,-?1(,\w*)?$")
DATE = re.compile(r"_(\d{4}-\d{2}-\d{2})_")


class MessageType(IntEnum):
    """Event of a LOBSTER message."""

    SUBMISSION = 1
    PARTIAL_CANCEL = 2
    DELETION = 3
    VISIBLE_EXECUTION = 4
    HIDDEN_EXECUTION = 5
    AUCTION_CROSS = 6
    HALT = 7


_RESTING = frozenset((1, 2, 3, 4))
_OFF_BOOK = frozenset((MessageType.AUCTION_CROSS, MessageType.HALT))


class Message(NamedTuple):
    """One parsed line; prices in ten-thousandths of a dollar, sizes in shares."""

    time_ns: int
    type: int
    order_id: int
    size: int
    price: int
    direction: int


@dataclass(frozen=True)
class LobsterReader(Reader):
    """Read LOBSTER message files; see `Reader` for the attributes."""

    fees: Fees = NASDAQ_FEES

    format = "lobster"
    price_places = 4
    size_places = 0

    @staticmethod
    def recognizes(head: Head) -> bool:
        """Return whether the first lines are messages."""
        return any(_MESSAGE.match(line) for line in head.lines[:2])

    def take(self, source: Source, reading: Reading) -> None:
        """Record the messages of one file."""
        messages = _parse(source, reading)
        if not any(message.type in _RESTING for message in messages):
            raise source.error(len(messages) + 1, "the end of the file", f"a message {LINE} of a visible order")
        reading.currency = "USD"
        _replay(messages, reading.recorder)

    def time_text(self, time_ns: int, reading: Reading) -> str:
        """Return a time with the date in the name of the file, if any."""
        return _iso(time_ns, reading.sources[0].path.name)


def _parse(source: Source, reading: Reading) -> list[Message]:
    messages: list[Message] = []
    previous = 0
    for number, line in source.lines():
        try:
            time, *rest = line.split(",")
            # Exact: a double holds seconds of a day to a hundredth of a nanosecond.
            time_ns = round(float(time) * NANOSECONDS_PER_SECOND)
            message = Message(time_ns, *map(int, rest))
        except (ValueError, TypeError, OverflowError):
            raise source.error(number, line, f"six numbers {LINE}") from None
        _check(source, number, line, message, previous)
        previous = time_ns
        reading.summary.rows += 1
        if message.type in _RESTING:
            message = message._replace(price=reading.prices.price(message.price, message.direction, source, number))
        if message.size:
            reading.sizes.size(message.size, source, number)
        messages.append(message)
    return messages


def _check(source: Source, number: int, line: str, message: Message, previous: int) -> None:
    if not 1 <= message.type <= 7:
        raise source.error(number, line, "a message type from 1 to 7")
    if message.time_ns < previous:
        raise source.error(number, line, f"a time of at least {previous / NANOSECONDS_PER_SECOND:.9f}")
    if message.type in _OFF_BOOK:
        return
    if message.size <= 0 or message.price <= 0:
        raise source.error(number, line, "a size and a price above zero")
    if message.direction not in (1, -1):
        raise source.error(number, line, "a direction of 1 (buy) or -1 (sell)")


def _unseen_orders(messages: list[Message]) -> dict[int, list[Message]]:
    """Return the orders without a submission in the file, by the index of the message that they precede."""
    newest_id = list(accumulate((m.order_id if m.type == MessageType.SUBMISSION else 0 for m in messages), max))
    first: dict[int, Message] = {}
    size: dict[int, int] = defaultdict(int)
    for message in messages:
        if message.type in _RESTING:
            first.setdefault(message.order_id, message)
            size[message.order_id] += message.size
    unseen: dict[int, list[Message]] = defaultdict(list)
    for order in first.values():
        if order.type != MessageType.SUBMISSION:
            index = bisect_left(newest_id, order.order_id)
            unseen[index].append(order._replace(size=size[order.order_id]))
    return unseen


def _replay(messages: list[Message], recorder: Recorder) -> None:
    book = {side: BookSide(side) for side in Side}
    unseen = _unseen_orders(messages)
    for index, message in enumerate(messages):
        recorder.see(message.time_ns)
        for order in unseen.get(index, ()):
            _rest(book, order)
        if index in unseen:
            recorder.quote(message.time_ns, book[Side.BUY], book[Side.SELL])
        time_ns, kind, _, size, price, direction = message
        if kind in _RESTING:
            side = book[Side(direction)]
            if kind == MessageType.SUBMISSION:
                recorder.order(time_ns, FlowKind.LIMIT, direction, price, size)
                _rest(book, message)
            else:
                if kind == MessageType.VISIBLE_EXECUTION:
                    recorder.trade(time_ns, -direction, price, size)
                    side.drop_better_than(price)
                else:
                    recorder.order(time_ns, FlowKind.CANCEL, direction, price, size)
                side.put(price, side.quantity(price) - size)
            recorder.quote(time_ns, book[Side.BUY], book[Side.SELL])
        elif kind == MessageType.HIDDEN_EXECUTION:
            recorder.trade(time_ns, -direction, price, size)


def _rest(book: dict[Side, BookSide], order: Message) -> None:
    side = book[Side(order.direction)]
    side.put(order.price, side.quantity(order.price) + order.size)
    book[Side(-order.direction)].drop_better_than(order.price + order.direction)


def _iso(time_ns: int, name: str) -> str:
    date = DATE.search(name)
    moment = datetime.fromisoformat(date[1] if date else "1970-01-01") + timedelta(microseconds=time_ns // 1000)
    return (moment if date else moment.time()).isoformat()
