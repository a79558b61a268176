"""Block-bootstrap resamples of a tape, which keep what depends on each other within a block (Kunsch 1989)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.market.tape import Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND
from marl_market.market.validation import is_number, require_field

GAP_NS = NANOSECONDS_PER_SECOND
"""Time between two blocks, across which nothing is measured."""


@dataclass(frozen=True)
class BlockBootstrap:
    """Draws blocks of a tape with replacement and puts them one behind the other, each a session.

    Attributes:
        seconds: length of a block, well beyond the horizons of what is measured.
    """

    seconds: float = 300.0

    def __post_init__(self) -> None:
        require_field(self, "seconds", is_number(self.seconds) and self.seconds > 0, "above zero")

    def __call__(self, tape: Tape, random: np.random.Generator) -> Tape:
        """Return a tape of as many blocks as the sessions of `tape` hold.

        Raises ValueError where no session holds a whole block.
        """
        blocks = self.blocks(tape.sessions)
        chosen = blocks[random.integers(0, len(blocks), len(blocks))]
        length = round(self.seconds * NANOSECONDS_PER_SECOND)
        starts = np.arange(len(chosen)) * (length + GAP_NS)
        shifts = starts - chosen[:, 0]
        rows = [_joined(table, chosen, shifts) for table in (tape.trades, tape.flow, tape.orders)]
        sessions = np.stack([starts, starts + length], axis=1)
        return Tape(tape.tick_size, tape.lot_size, _quotes(tape.quotes, chosen, shifts), *rows, sessions)

    def blocks(self, sessions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return first and last time of the blocks of sessions, (blocks, 2), what is left at their ends dropped."""
        length = round(self.seconds * NANOSECONDS_PER_SECOND)
        firsts = [np.arange(start, end - length + 1, length) for start, end in sessions.tolist()]
        first = np.concatenate([np.zeros(0, np.int64), *firsts])
        if not first.size:
            longest = float((sessions[:, 1] - sessions[:, 0]).max(initial=0)) / NANOSECONDS_PER_SECOND
            raise ValueError(
                f"a block is {self.seconds:g} s; the longest session of the data is {longest:g} s, and must hold one"
            )
        return np.stack([first, first + length], axis=1)


def _rows(table: NDArray[np.void], block: NDArray[np.int64]) -> slice:
    """Return which rows of a table lie in a block."""
    return slice(*np.searchsorted(table["time_ns"], block))


def _shifted(table: NDArray[np.void], shift: int) -> NDArray[np.void]:
    """Return a copy of rows with all their times shifted."""
    table = table.copy()
    for name in table.dtype.names or ():
        if name.endswith("_ns"):
            table[name] += np.where(table[name] == 0, 0, shift) if name == "first_fill_ns" else shift
    return table


def _joined(table: NDArray[np.void], blocks: NDArray[np.int64], shifts: NDArray[np.int64]) -> NDArray[np.void]:
    parts = [_shifted(table[_rows(table, block)], shift) for block, shift in zip(blocks, shifts, strict=True)]
    return np.concatenate(parts)


def _quotes(quotes: NDArray[np.void], blocks: NDArray[np.int64], shifts: NDArray[np.int64]) -> NDArray[np.void]:
    """Return the quotes of the blocks, each after the one in force as it begins."""
    parts: list[Any] = []
    for block, shift in zip(blocks, shifts, strict=True):
        rows = _rows(quotes, block)
        first = quotes[max(rows.start - 1, 0) : max(rows.start - 1, 0) + 1].copy()
        first["time_ns"] = block[0]
        parts += [_shifted(part, shift) for part in (first, quotes[rows])]
    return np.concatenate(parts)
