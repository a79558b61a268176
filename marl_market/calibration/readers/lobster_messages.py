"""Parses the lines of a LOBSTER message file.

A line is `time,type,order id,size,price,direction`: seconds after midnight with up to nine decimals, the type below,
shares, dollars times 10000, +1 for a buy and -1 for a sell limit order. Newer files have the participant in a seventh
column. Source: LOBSTER sample files readme, 01 Sept 2013; LOBSTER help, 2014 to today.

Also read: a header, an index column before it, a trailing comma, whole numbers with a decimal point (as pandas writes
them), and times in whole nanoseconds after midnight or since 1970. None of this counts as a repair.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.readers.source import Head, Source
from marl_market.calibration.readers.summary import Summary
from marl_market.calibration.readers.times import DAY_NS, Clock, Row
from marl_market.market.units import NANOSECONDS_PER_SECOND

COLUMNS = 6
PHASES = (-1, 0, 1)
"""Prices of a message of type 7: trading is halted, quoting resumes, trading resumes."""
SHORTEST_NANOSECONDS = 1e12
"""Least time that is taken for nanoseconds, a quarter of an hour after midnight; less is seconds."""


def _seconds(time_ns: int) -> str:
    return f"{time_ns / NANOSECONDS_PER_SECOND:.9f}"


CLOCK = Clock(0, DAY_NS, bounds="before 0 s or after 86400 s of the day", text=_seconds)

_NUMBER = re.compile(r"-?\d+(\.\d*)?([eE]\+?\d+)?")
LINE = "time,type,order id,size,price,direction"
_SIX_NUMBERS = f"six numbers {LINE}, and at most a participant after them"
_ORDER_BOOK = f"messages {LINE}; this is the order book file (ask price, size, bid price, size), which is not needed"


class MessageType(IntEnum):
    """Event of a LOBSTER message."""

    SUBMISSION = 1
    PARTIAL_CANCEL = 2
    DELETION = 3
    VISIBLE_EXECUTION = 4
    HIDDEN_EXECUTION = 5
    CROSS = 6
    HALT = 7


RESTING = frozenset((1, 2, 3, 4))
_OFF_BOOK = frozenset((MessageType.CROSS, MessageType.HALT))


class Message(NamedTuple):
    """One parsed line; prices in ten-thousandths of a dollar, sizes in shares."""

    time_ns: int
    type: int
    order_id: int
    size: int
    price: int
    direction: int
    line: int


class Messages:
    """All messages of a file, in seven arrays of eight bytes a number."""

    def __init__(self) -> None:
        self.columns = {name: array("q") for name in Message._fields}

    def append(self, message: Message) -> None:
        """Add a message at the end."""
        for column, value in zip(self.columns.values(), message, strict=True):
            column.append(value)

    def array(self, name: str) -> NDArray[np.int64]:
        """Return a column."""
        return np.frombuffer(self.columns[name], dtype=np.int64)

    def __getitem__(self, index: int) -> Message:
        return Message._make(column[index] for column in self.columns.values())

    def __len__(self) -> int:
        return len(self.columns["line"])

    def __iter__(self) -> Iterator[Message]:
        return map(Message._make, zip(*self.columns.values(), strict=True))


def is_message_file(head: Head) -> bool:
    """Return whether one of the first two lines, of which one may be a header, is a message.

    An order book file counts too, by its name and its columns, since only this format's error says what it is.
    """
    if any(_is_message(line) for line in head.lines[:2]):
        return True
    return "orderbook" in head.name and bool(head.lines) and _is_order_book(_fields(head.lines[0]))


def messages_of(source: Source, summary: Summary) -> Iterator[Message]:
    """Yield the messages in order of time; raises DataError on the first line that the format does not allow."""
    return (row.message for row in CLOCK.in_order(_rows(source, summary), source, summary))


def _rows(source: Source, summary: Summary) -> Iterator[Row[Message]]:
    index_columns, begun = 0, False
    for number, line in source.lines():
        fields = _fields(line)
        summary.rows += 1
        if not begun and not any(_NUMBER.fullmatch(field.strip()) for field in fields):
            index_columns = int(fields[0].strip() in ("", "Unnamed: 0"))
            summary.pass_over("header", source, number)
            begun = True
            continue
        begun = True
        message = _parsed(fields[index_columns:], number)
        if message is None:
            raise source.error(number, line, _ORDER_BOOK if _is_order_book(fields) else _SIX_NUMBERS)
        _check(source, line, message)
        yield Row(message.time_ns, number, message)


def _fields(line: str) -> list[str]:
    fields = line.split(",")
    return fields[:-1] if len(fields) > COLUMNS and not fields[-1].strip() else fields


def _parsed(fields: list[str], line: int) -> Message | None:
    if not COLUMNS <= len(fields) <= COLUMNS + 1:
        return None
    try:
        kind, order_id, size, price, direction = map(_whole, fields[1:COLUMNS])
        return Message(_nanoseconds(fields[0]), kind, order_id, size, price, direction, line)
    except (ValueError, OverflowError):
        return None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if not number.is_integer():
            raise
        return int(number)


def _nanoseconds(text: str) -> int:
    # Exact: a double holds seconds of a day to a hundredth of a nanosecond.
    number = float(text)
    if number < SHORTEST_NANOSECONDS:
        return round(number * NANOSECONDS_PER_SECOND)
    return _whole(text) % DAY_NS


def _check(source: Source, line: str, message: Message) -> None:
    if not 1 <= message.type <= 7:
        raise source.error(message.line, line, "a message type from 1 to 7")
    if message.type == MessageType.HALT and message.price not in PHASES:
        raise source.error(
            message.line, line, "a price of -1 (halt), 0 (quoting) or 1 (trading) in a message of type 7"
        )
    if message.type in _OFF_BOOK:
        return
    if message.size <= 0 or message.price <= 0:
        raise source.error(message.line, line, "a size and a price above zero")
    if message.direction not in (1, -1) and message.type in RESTING:
        raise source.error(message.line, line, "a direction of 1 (buy) or -1 (sell)")


def _is_message(line: str) -> bool:
    fields = _fields(line)
    found = _parsed(fields, 1) or _parsed(fields[1:], 1)
    return found is not None and 1 <= found.type <= 7 and found.direction in (-1, 0, 1)


def _is_order_book(fields: list[str]) -> bool:
    """Return whether the columns are levels of four numbers, the ask above the bid."""
    return len(fields) % 4 == 0 and all(map(_NUMBER.fullmatch, fields)) and float(fields[0]) > float(fields[2])
