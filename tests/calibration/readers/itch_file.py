"""Encodes messages of Nasdaq TotalView-ITCH 5.0, for files whose content a test knows."""

from __future__ import annotations

import struct

SECOND = 1_000_000_000
OPEN = (9 * 60 + 30) * 60 * SECOND
LOCATES = {"AAPL": 13, "MSFT": 7}


def message(kind: bytes, time_ns: int, locate: int, fields: str, *values: int | bytes) -> bytes:
    """Return one message after its length."""
    body = kind + struct.pack(">HH", locate, 0) + time_ns.to_bytes(6) + struct.pack(f">{fields}", *values)
    return struct.pack(">H", len(body)) + body


def system(time_ns: int, event: str) -> bytes:
    return message(b"S", time_ns, 0, "c", event.encode())


def directory(time_ns: int, stock: str = "AAPL") -> bytes:
    return message(b"R", time_ns, LOCATES[stock], "8s20x", stock.ljust(8).encode())


def trading(time_ns: int, state: str, stock: str = "AAPL") -> bytes:
    return message(b"H", time_ns, LOCATES[stock], "8scx4s", stock.ljust(8).encode(), state.encode(), b"    ")


def operational(time_ns: int, market: str, state: str, stock: str = "AAPL") -> bytes:
    name = stock.ljust(8).encode()
    return message(b"h", time_ns, LOCATES[stock], "8scc", name, market.encode(), state.encode())


def add(time_ns: int, order_id: int, side: str, shares: int, price: int, stock: str = "AAPL") -> bytes:
    name = stock.ljust(8).encode()
    return message(b"A", time_ns, LOCATES[stock], "QcI8sI", order_id, side.encode(), shares, name, price)


def add_attributed(time_ns: int, order_id: int, side: str, shares: int, price: int) -> bytes:
    return message(
        b"F", time_ns, LOCATES["AAPL"], "QcI8sI4s", order_id, side.encode(), shares, b"AAPL    ", price, b"NSDQ"
    )


def execute(time_ns: int, order_id: int, shares: int) -> bytes:
    return message(b"E", time_ns, LOCATES["AAPL"], "QIQ", order_id, shares, 1)


def execute_at(time_ns: int, order_id: int, shares: int, price: int, printable: str = "Y") -> bytes:
    return message(b"C", time_ns, LOCATES["AAPL"], "QIQcI", order_id, shares, 1, printable.encode(), price)


def cancel(time_ns: int, order_id: int, shares: int) -> bytes:
    return message(b"X", time_ns, LOCATES["AAPL"], "QI", order_id, shares)


def delete(time_ns: int, order_id: int) -> bytes:
    return message(b"D", time_ns, LOCATES["AAPL"], "Q", order_id)


def replace(time_ns: int, order_id: int, new_id: int, shares: int, price: int) -> bytes:
    return message(b"U", time_ns, LOCATES["AAPL"], "QQII", order_id, new_id, shares, price)


def hidden(time_ns: int, shares: int, price: int) -> bytes:
    return message(b"P", time_ns, LOCATES["AAPL"], "QcI8sIQ", 0, b"B", shares, b"AAPL    ", price, 1)


def cross(time_ns: int, shares: int, price: int, kind: str) -> bytes:
    return message(b"Q", time_ns, LOCATES["AAPL"], "Q8sIQc", shares, b"AAPL    ", price, 1, kind.encode())


def broken(time_ns: int) -> bytes:
    return message(b"B", time_ns, LOCATES["AAPL"], "Q", 1)
