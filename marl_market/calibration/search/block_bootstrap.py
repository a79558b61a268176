"""Block-bootstrap resamples of a tape, which keep what depends on each other within a block (Kunsch 1989)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.market.tape import Tape
from marl_market.market.tape_parts import between, joined
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
        parts = [between(tape, start, end) for start, end in chosen.tolist()]
        tables = joined(parts, (starts - chosen[:, 0]).tolist())
        sessions = np.stack([starts, starts + length], axis=1)
        return Tape(tape.tick_size, tape.lot_size, **tables, sessions=sessions)

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
