"""The messages of Nasdaq TotalView-ITCH 5.0, parsed: only the fields that a book and its trades need.

A file is a sequence of messages, each after its length in two bytes. All numbers are unsigned and big-endian: after
the type of one letter come the stock's number of the day (2 bytes), a tracking number (2) and the time since midnight,
New York (6, nanoseconds). Prices are ten-thousandths of a dollar. Source: Nasdaq TotalView-ITCH 5.0 specification.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from marl_market.market.tape import Side

LENGTHS = {
    b"S": 12, b"R": 39, b"H": 25, b"Y": 20, b"L": 26, b"V": 35, b"W": 12, b"K": 28, b"J": 35, b"h": 21, b"A": 36,
    b"F": 40, b"E": 31, b"C": 36, b"X": 23, b"D": 19, b"U": 35, b"P": 44, b"Q": 40, b"B": 19, b"I": 50, b"N": 20,
    b"O": 48,
}  # fmt: skip
"""Bytes of each type of message."""

HEADER_BYTES = 11
_CHUNK_BYTES = 1 << 20
_SIDES = {b"B": Side.BUY, b"S": Side.SELL}

_HEADER = struct.Struct(">xH2xHI")
_ADD = struct.Struct(">QcI8sI")
_EXECUTED = struct.Struct(">QI8x")
_EXECUTED_AT = struct.Struct(">QI8xcI")
_CANCEL = struct.Struct(">QI")
_DELETE = struct.Struct(">Q")
_REPLACE = struct.Struct(">QQII")
_TRADE = struct.Struct(">8xcI8sI8x")
_CROSS = struct.Struct(">Q8sI8xc")


class FormatError(ValueError):
    """The bytes are no ITCH messages; `offset` is where, in the unpacked file."""

    def __init__(self, offset: int, found: str, expected: str) -> None:
        """Keep the place, what was found and what was expected."""
        super().__init__(found)
        self.offset, self.found, self.expected = offset, found, expected


class Added(NamedTuple):
    """A and F: a new displayed order."""

    order_id: int
    side: Side
    shares: int
    stock: str
    price: int


class Executed(NamedTuple):
    """E and C: a resting order was executed; `price` is None at its own price."""

    order_id: int
    shares: int
    printable: bool  # False where a cross trade message has the volume
    price: int | None


class Canceled(NamedTuple):
    """X and D: all (None) or a part of a resting order was canceled."""

    order_id: int
    shares: int | None


class Replaced(NamedTuple):
    """U: an order left its place in the queue, and another took over."""

    order_id: int
    new_order_id: int
    shares: int
    price: int


class HiddenTrade(NamedTuple):
    """P: an order that was not displayed was executed; `side` is B for all since July 2014."""

    side: Side
    shares: int
    stock: str
    price: int


class Cross(NamedTuple):
    """Q: the total of an opening (O), closing (C), halt (H) or intraday (I) cross."""

    shares: int
    stock: str
    price: int
    kind: str


def split(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, message) of a file; raises FormatError where a length, a type or the end does not fit."""
    offset, kept = 0, b""
    while chunk := stream.read(_CHUNK_BYTES):
        kept += chunk
        place, end = 0, len(kept)
        while place + 2 <= end:
            length = (kept[place] << 8) | kept[place + 1]
            if place + 2 + length > end:
                _check_type(offset + place, length, kept[place + 2 : place + 3])
                break
            message = kept[place + 2 : place + 2 + length]
            if LENGTHS.get(message[:1]) != length:
                _check_type(offset + place, length, message[:1])
            yield offset + place, message
            place += 2 + length
        offset += place
        kept = kept[place:]
    if kept:
        raise FormatError(offset, f"the end of the file {len(kept)} bytes into a message", "a whole message")


def _check_type(offset: int, length: int, kind: bytes) -> None:
    if kind and LENGTHS.get(kind) != length:
        found = f"a message of {length} bytes and type {kind!r}"
        expected = f"{LENGTHS[kind]} bytes" if kind in LENGTHS else "a type of ITCH 5.0"
        raise FormatError(offset, found, expected)


def header(message: bytes) -> tuple[int, int]:
    """Return (stock's number of the day, nanoseconds since midnight)."""
    locate, high, low = _HEADER.unpack_from(message)
    return locate, (high << 32) | low


def parse_added(message: bytes) -> Added:
    """Return the order of an A or an F message."""
    order_id, side, shares, stock, price = _ADD.unpack_from(message, HEADER_BYTES)
    return Added(order_id, _SIDES[side], shares, name_of(stock), price)


def parse_executed(message: bytes) -> Executed:
    """Return the execution of an E or a C message."""
    if message[:1] == b"E":
        order_id, shares = _EXECUTED.unpack_from(message, HEADER_BYTES)
        return Executed(order_id, shares, True, None)
    order_id, shares, printable, price = _EXECUTED_AT.unpack_from(message, HEADER_BYTES)
    return Executed(order_id, shares, printable == b"Y", price)


def parse_canceled(message: bytes) -> Canceled:
    """Return the cancellation of an X or a D message."""
    if message[:1] == b"X":
        return Canceled(*_CANCEL.unpack_from(message, HEADER_BYTES))
    return Canceled(*_DELETE.unpack_from(message, HEADER_BYTES), None)


def parse_replaced(message: bytes) -> Replaced:
    """Return the replacement of a U message."""
    return Replaced(*_REPLACE.unpack_from(message, HEADER_BYTES))


def parse_hidden_trade(message: bytes) -> HiddenTrade:
    """Return the execution of a P message."""
    side, shares, stock, price = _TRADE.unpack_from(message, HEADER_BYTES)
    return HiddenTrade(_SIDES[side], shares, name_of(stock), price)


def parse_cross(message: bytes) -> Cross:
    """Return the cross of a Q message."""
    shares, stock, price, kind = _CROSS.unpack_from(message, HEADER_BYTES)
    return Cross(shares, name_of(stock), price, kind.decode("latin-1"))


def parse_directory(message: bytes) -> str:
    """Return the stock of an R message, or of an H message."""
    return name_of(message[HEADER_BYTES : HEADER_BYTES + 8])


def parse_state(message: bytes) -> str:
    """Return the trading state of an H message: H halted, P paused, Q quotation only, T trading."""
    return message[19:20].decode("latin-1")


def parse_system_event(message: bytes) -> str:
    """Return the event code of an S message: O, S, Q, M, E or C."""
    return message[11:12].decode("latin-1")


def name_of(stock: bytes) -> str:
    """Return a symbol without the spaces that fill it."""
    return stock.decode("latin-1").rstrip()
