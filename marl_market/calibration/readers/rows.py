"""Rows of whole numbers in the making, packed as they come.

Why packed: rows wait in compact arrays, not in Python objects, so that the memory of a reading stays near that of its
recording.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.readers.source import DataError

CHUNK_ROWS = 1 << 16


class Rows:
    """Rows of whole numbers, packed as they come; a column of a chunk is kept as multiples of its common divisor."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._open: list[list[int]] = []
        self._chunks: list[tuple[NDArray[np.int64], list[int]]] = []

    def add(self, row: list[int]) -> None:
        """Append a row; it may be changed until the next `pack`."""
        self._open.append(row)

    @property
    def full(self) -> bool:
        """Return whether it is time to pack."""
        return len(self._open) >= CHUNK_ROWS

    def pack(self) -> None:
        """Move the rows into an array of eight bytes a number."""
        columns = [list(column) for column in zip(*self._open, strict=True)]
        scales = [math.gcd(*column) or 1 for column in columns]
        packed = [[each // scale for each in column] for column, scale in zip(columns, scales, strict=True)]
        try:
            self._chunks.append((np.array(packed, dtype=np.int64), scales))
        except OverflowError:
            raise DataError("an amount of the file has more digits than a tape holds (18)") from None
        self._open = []

    def columns(self, ticks: Mapping[int, int], lots: Mapping[int, int]) -> list[NDArray[np.int64]]:
        """Return the columns; those named in steps of that many units, to the nearest, an amount of one lot or more."""
        if self._open:
            self.pack()
        parts: list[list[NDArray[np.int64]]] = [[] for _ in range(self._columns)]
        for chunk, scales in self._chunks:
            for index, (column, scale) in enumerate(zip(chunk, scales, strict=True)):
                steps = _in_steps(column, scale, ticks.get(index) or lots.get(index, 1))
                parts[index].append(np.maximum(steps, column > 0) if index in lots else steps)
        return [np.concatenate(each) if each else np.zeros(0, np.int64) for each in parts]


def _in_steps(column: NDArray[np.int64], scale: int, step: int) -> NDArray[np.int64]:
    """Return column * scale / step to the nearest whole number, halves upwards."""
    shared = math.gcd(scale, step)
    scale, step = scale // shared, step // shared
    if int(np.abs(column).max(initial=0)) * scale >= 2**62:
        raise DataError("an amount of the file has more digits than a tape holds (18); give a tick_size or lot_size")
    whole, rest = np.divmod(column * scale, step)
    return whole + (2 * rest >= step) if step > 1 else whole


def table_of(dtype: np.dtype[Any], columns: list[NDArray[np.int64]]) -> NDArray[np.void]:
    """Return columns as a structured array."""
    table = np.zeros(len(columns[0]), dtype)
    for name, column in zip(dtype.names or (), columns, strict=True):
        table[name] = column
    return table
