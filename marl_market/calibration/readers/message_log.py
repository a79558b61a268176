"""The messages of single orders that a reader comes upon, as they come: what a replay is built from."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

FIELDS = ("time_ns", "kind", "order_id", "side", "price", "quantity")
ALL = -1
"""Quantity of a cancel of all that is left."""


class LogKind(IntEnum):
    """What a row of the log says."""

    REST = 1  # an order comes to rest
    CANCEL = 2
    FILL = 3  # of a resting order
    HIDDEN_FILL = 4  # of an order that was not displayed; the side is its aggressor's, 0 where unknown
    CLEAR = 5  # nothing rests any longer


class MessageLog:
    """Rows of whole numbers, in the units of the file that is read; times rise, or are taken as the last one."""

    def __init__(self, kept: bool = True) -> None:
        """Begin a log; one that is not `kept` forgets every row."""
        self._kept = kept
        self._columns = {name: array("q") for name in FIELDS}
        self._last_ns = -(2**62)
        self.begins_ns = self._last_ns
        """Time of the first message; what comes before rests as the recording begins."""

    def begin(self, time_ns: int) -> None:
        """Take note of the time of the first message of a file."""
        if not len(self):
            self.begins_ns = time_ns

    def rest(self, time_ns: int, order_id: int, side: int, price: int, quantity: int) -> None:
        """Append an order that comes to rest."""
        self._add(time_ns, LogKind.REST, order_id, side, price, quantity)

    def cancel(self, time_ns: int, order_id: int, quantity: int | None = None) -> None:
        """Append the cancel of `quantity`, all where None, of an order."""
        self._add(time_ns, LogKind.CANCEL, order_id, 0, 0, ALL if quantity is None else quantity)

    def fill(self, time_ns: int, order_id: int, quantity: int) -> None:
        """Append the fill of a resting order."""
        self._add(time_ns, LogKind.FILL, order_id, 0, 0, quantity)

    def fill_hidden(self, time_ns: int, aggressor_side: int, price: int, quantity: int) -> None:
        """Append the fill of an order that was not displayed."""
        self._add(time_ns, LogKind.HIDDEN_FILL, 0, aggressor_side, price, quantity)

    def clear(self, time_ns: int) -> None:
        """Append that nothing rests any longer."""
        self._add(time_ns, LogKind.CLEAR, 0, 0, 0, 0)

    def column(self, name: str) -> NDArray[np.int64]:
        """Return one of the FIELDS of all rows."""
        return np.frombuffer(self._columns[name], np.int64) if len(self) else np.zeros(0, np.int64)

    def row(self, index: int) -> tuple[int, ...]:
        """Return the FIELDS of a row."""
        return tuple(column[index] for column in self._columns.values())

    def with_rows(self, index: int, rows: Sequence[tuple[int, ...]]) -> MessageLog:
        """Return a log with `rows` more before row `index`."""
        log = MessageLog()
        log.begins_ns, log._last_ns = self.begins_ns, self._last_ns
        for place, (name, column) in enumerate(self._columns.items()):
            more = array("q", [row[place] for row in rows])
            log._columns[name] = column[:index] + more + column[index:]
        return log

    def __len__(self) -> int:
        return len(self._columns["time_ns"])

    def _add(self, time_ns: int, *rest: int) -> None:
        if not self._kept:
            return
        self._last_ns = max(self._last_ns, time_ns)
        for column, value in zip(self._columns.values(), (self._last_ns, *rest), strict=True):
            column.append(value)
