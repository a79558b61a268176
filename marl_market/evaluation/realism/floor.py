"""How far real data are from real data: what no simulated tape can be asked to be nearer than.

The floor of a score is the distance of another real tape, best of the next day at the same hours, from the real one.
Of one tape alone it is that of its alternate blocks of `BLOCK_SECONDS`, which share their day and so are nearer; two
halves of a morning are further apart, for they measure the time of day.
"""

from __future__ import annotations

from dataclasses import dataclass

from marl_market.evaluation.realism.best_quotes import seconds_of
from marl_market.evaluation.realism.intervals import spans
from marl_market.market.tape import Tape
from marl_market.market.tape_parts import parts

BLOCK_SECONDS = 300.0
FEWEST_BLOCKS = 4


@dataclass(frozen=True)
class Floor:
    """Two real tapes, and in words what they are to each other."""

    one: Tape
    other: Tape
    kind: str


def floor_of(real: Tape, other: Tape | None = None) -> Floor:
    """Return the floor of scores against `real`: `other` real data, or its own alternate blocks where that is None."""
    if other is not None:
        return Floor(other, real, "other real data")
    blocks = max(FEWEST_BLOCKS, round(seconds_of(real) / BLOCK_SECONDS))
    found = spans(real, blocks)
    seconds = seconds_of(real) / blocks
    return Floor(parts(real, found[::2]), parts(real, found[1::2]), f"alternate blocks of {seconds:.0f} s of the data")
