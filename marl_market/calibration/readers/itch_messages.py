"""The messages of Nasdaq TotalView-ITCH 5.0, parsed: only the fields that a book and its trades need.

A file is a sequence of messages, each after its length in two bytes. All numbers are unsigned and big-endian: after
the type of one letter come the stock's number of the day (2 bytes), a tracking number (2) and the time since midnight,
New York (6, nanoseconds). Prices are ten-thousandths of a dollar. Source: Nasdaq TotalView-ITCH 5.0 specification.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from marl_market.calibration.readers.source import DataError
from marl_market.market.tape import Side

LENGTHS = {
    b"S": 12, b"R": 39, b"H": 25, b"Y": 20, b"L": 26, b"V": 35, b"W": 12, b"K": 28, b"J": 35, b"h": 21, b"A": 36,
    b"F": 40, b"E": 31, b"C": 36, b"X": 23, b"D": 19, b"U": 35, b"P": 44, b"Q": 40, b"B": 19, b"I": 50, b"N": 20,
    b"O": 48,
}  # fmt: skip
"""Bytes of each type of message."""

HEADER_BYTES = 11
_CHUNK_BYTES = 1 << 20
_STOCK_PLACE = {b"R": 11, b"H": 11, b"h": 11, b"A": 24, b"F": 24, b"P": 24, b"Q": 19}
_SIDES = {b"B": Side.BUY, b"S": Side.SELL}

_ADD = struct.Struct(">QcI8xI")
_EXECUTED = struct.Struct(">QI8x")
_EXECUTED_AT = struct.Struct(">QI8xcI")
_CANCEL = struct.Struct(">QI")
_DELETE = struct.Struct(">Q")
_REPLACE = struct.Struct(">QQII")
_TRADE = struct.Struct(">8xcI8xI8x")
_CROSS = struct.Struct(">Q8xI8xc")


class Added(NamedTuple):
    """A and F: a new displayed order."""

    order_id: int
    side: Side
    shares: int
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
    price: int


class Cross(NamedTuple):
    """Q: the total of an opening (O), closing (C), halt (H) or intraday (I) cross."""

    shares: int
    price: int
    kind: str


def split(stream: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, message) of the file `name`; raises DataError where a length, a type or the end does not fit."""
    offset, kept = 0, b""
    while chunk := stream.read(_CHUNK_BYTES):
        kept += chunk
        place, end = 0, len(kept)
        while place + 3 <= end:
            length = (kept[place] << 8) | kept[place + 1]
            kind = kept[place + 2 : place + 3]
            if length and LENGTHS.get(kind) != length:
                wanted = f"{LENGTHS[kind]} bytes" if kind in LENGTHS else f"one of {b''.join(LENGTHS).decode()}"
                raise invalid(name, offset + place, f"a message of {length} bytes and type {kind!r}", wanted)
            if place + 2 + length > end:
                break
            if length:  # a message of no bytes ends a session
                yield offset + place, kept[place + 2 : place + 2 + length]
            place += 2 + length
        offset += place
        kept = kept[place:]
    if kept not in (b"", b"\0\0"):
        raise invalid(name, offset, f"the end of the file {len(kept)} bytes into a message", "a whole message")


def invalid(name: str, offset: int, found: str, expected: str) -> DataError:
    """Return the error of the message at `offset` of the unpacked file."""
    return DataError(f"{name}, byte {offset}: found {found}; expected {expected}")


def time_of(message: bytes) -> int:
    """Return the nanoseconds since midnight."""
    return int.from_bytes(message[5:HEADER_BYTES])


def added(message: bytes) -> Added:
    """Return the order of an A or an F message."""
    order_id, side, shares, price = _ADD.unpack_from(message, HEADER_BYTES)
    return Added(order_id, _SIDES[side], shares, price)


def executed(message: bytes) -> Executed:
    """Return the execution of an E or a C message."""
    if message[:1] == b"E":
        order_id, shares = _EXECUTED.unpack_from(message, HEADER_BYTES)
        return Executed(order_id, shares, True, None)
    order_id, shares, printable, price = _EXECUTED_AT.unpack_from(message, HEADER_BYTES)
    return Executed(order_id, shares, printable == b"Y", price)


def canceled(message: bytes) -> Canceled:
    """Return the cancellation of an X or a D message."""
    if message[:1] == b"X":
        return Canceled(*_CANCEL.unpack_from(message, HEADER_BYTES))
    (order_id,) = _DELETE.unpack_from(message, HEADER_BYTES)
    return Canceled(order_id, None)


def replaced(message: bytes) -> Replaced:
    """Return the replacement of a U message."""
    return Replaced(*_REPLACE.unpack_from(message, HEADER_BYTES))


def hidden_trade(message: bytes) -> HiddenTrade:
    """Return the execution of a P message."""
    side, shares, price = _TRADE.unpack_from(message, HEADER_BYTES)
    return HiddenTrade(_SIDES[side], shares, price)


def cross(message: bytes) -> Cross:
    """Return the cross of a Q message."""
    shares, price, kind = _CROSS.unpack_from(message, HEADER_BYTES)
    return Cross(shares, price, kind.decode("latin-1"))


def stock_of(message: bytes) -> bytes | None:
    """Return the eight bytes of the symbol that a message names, None of a type that names none."""
    place = _STOCK_PLACE.get(message[:1])
    return None if place is None else message[place : place + 8]


def trading_state(message: bytes) -> str:
    """Return the trading state of an H message: H halted, P paused, Q quotation only, T trading."""
    return message[19:20].decode("latin-1")


def operational_state(message: bytes) -> tuple[str, str]:
    """Return (market, state) of an h message: Q for Nasdaq, H halted or T trading."""
    return message[19:20].decode("latin-1"), message[20:21].decode("latin-1")


def system_event(message: bytes) -> str:
    """Return the event code of an S message: O, S, Q, M, E or C."""
    return message[11:12].decode("latin-1")
