"""A fundamental value that follows the mid price of a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.recorded_messages import KEPT, reader_for
from marl_market.market.spec import MarketSpec
from marl_market.market.units import NANOSECONDS_PER_SECOND
from marl_market.market.validation import is_number, require


@dataclass(frozen=True)
class RecordedMid:
    """A value that follows the mid price of real quotes, from a time that the seed chooses.

    The path begins at the market's initial price and moves by the relative changes of the mid price of the last quote
    before each step.

    Attributes:
        recording: file, a pattern such as day_*.csv.gz, or a list of either.
        start: first time used: time of day (09:30), or ISO date and time; None for all.
        end: time from which on nothing is used, likewise.
        start_seconds: seconds after the beginning of the recording at which each path begins; None: drawn.
        published: see `marl_market.market.fundamental.Fundamental`.
    """

    recording: str | Sequence[str]
    start: str | None = None
    end: str | None = None
    start_seconds: float | None = None
    published: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.recording, str | Path):
            object.__setattr__(self, "recording", tuple(self.recording))
        start = self.start_seconds
        right = start is None or (is_number(start) and start >= 0)
        require(right, "market.fundamental.start_seconds", start, "zero or more, or null")

    def path(self, spec: MarketSpec, steps: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Return the value at the beginning of each step, in ticks.

        Raises ValueError where no session of the recording is as long, FileNotFoundError and DataError where it cannot
        be read.
        """
        time_ns, mid, sessions = _quotes(self.recording, self.start, self.end)
        length = (steps - 1) * spec.step_ns
        spans = np.column_stack([np.maximum(sessions[:, 0], time_ns[0]), sessions[:, 1] - length])
        spans = spans[spans[:, 0] <= spans[:, 1]]
        if self.start_seconds is not None:
            begin = int(time_ns[0]) + round(self.start_seconds * NANOSECONDS_PER_SECOND)
            inside = (spans[:, 0] <= begin) & (begin <= spans[:, 1])
            spans = np.full((int(inside.any()), 2), begin)
        if not spans.size:
            longest = int(np.diff(sessions).max()) / NANOSECONDS_PER_SECOND
            raise ValueError(
                f"market.fundamental.recording is {self.recording!r}; its longest session has {longest:.10g} s, and "
                f"{steps} steps of market {spec.name} take {length / NANOSECONDS_PER_SECOND:.10g} s"
                + ("" if self.start_seconds is None else f" from start_seconds {self.start_seconds} on")
            )
        span = spans[random.choice(len(spans), p=(weights := np.diff(spans).ravel() + 1.0) / weights.sum())]
        begin = int(random.integers(span[0], span[1], endpoint=True))
        rows = np.searchsorted(time_ns, begin + np.arange(steps) * spec.step_ns, side="right") - 1
        return np.asarray(spec.initial_price_ticks * (mid[rows] / mid[rows[0]]))


@lru_cache(maxsize=KEPT)
def _quotes(
    recording: str | Sequence[str], start: str | None, end: str | None
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return times and mid prices of the quotes of both sides, and the sessions, of a recording."""
    tape = reader_for(recording, start, end, None, None).read(recording)
    quotes = tape.quotes[(tape.quotes["bid_quantity_lots"] > 0) & (tape.quotes["ask_quantity_lots"] > 0)]
    if not quotes.size:
        raise ValueError(f"market.fundamental.recording is {recording!r}; it has no quotes of both sides")
    mid = 0.5 * (quotes["bid_price_ticks"].astype(np.float64) + quotes["ask_price_ticks"])
    return quotes["time_ns"].copy(), mid, tape.sessions
