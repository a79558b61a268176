"""The levels of an order book file as a recording begins: what its messages never tell of, but the venue shows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from marl_market.calibration.readers.message_log import ALL, LogKind, MessageLog
from marl_market.calibration.readers.source import Source
from marl_market.market.tape import Side

FIRST_ID = -(2**61)
"""Ids of orders that no message names lie from here on downwards."""
NO_LEVEL = 9_999_999_999
"""Price, of either sign, of a level that is not there."""

Levels = dict[tuple[int, int], int]
"""Quantity by side and price, in the units of the file."""


def opening_levels(path: Path) -> Levels:
    """Return the first row of LOBSTER's order book file: ask price, size, bid price, size, of each level.

    Raises DataError where it is none.
    """
    source = Source(path.expanduser())
    number, line = next(source.lines(), (1, ""))
    try:
        values = np.array([int(field) for field in line.rstrip(",").split(",")]).reshape(-1, 2, 2)
    except ValueError:
        expected = "whole numbers ask price, size, bid price, size, of each level"
        raise source.error(number, line, expected) from None
    return {
        (int(side), int(price)): int(size)
        for level in values
        for side, (price, size) in zip((Side.SELL, Side.BUY), level, strict=True)
        if size > 0 and abs(price) < NO_LEVEL
    }


def with_opening_levels(log: MessageLog, levels: Levels) -> MessageLog:
    """Return the log with orders more that rest as it begins: what `levels`, behind the first message, hold besides.

    They are last in their queues, since no message ever names them.
    """
    begin = int(np.searchsorted(log.column("time_ns"), log.begins_ns))
    known: Counter[tuple[int, int]] = Counter()
    orders: dict[int, tuple[tuple[int, int], int]] = {}
    for row in range(min(begin + 1, len(log))):
        _, kind, order_id, side, price, quantity = log.row(row)
        if kind == LogKind.REST:
            orders[order_id] = (side, price), quantity
        elif order_id in orders:
            level, left = orders[order_id]
            orders[order_id] = level, 0 if quantity == ALL else left - quantity
    for level, left in orders.values():
        known[level] += left
    missing = {level: size - known[level] for level, size in levels.items() if size > known[level]}
    more = [
        (log.begins_ns - 1, LogKind.REST, FIRST_ID - number, side, price, size)
        for number, ((side, price), size) in enumerate(missing.items())
    ]
    return log.with_rows(begin, more)
