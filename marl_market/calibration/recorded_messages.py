"""Recorded messages from a file: what an agent replays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from marl_market.calibration.readers.detect import reader_of
from marl_market.calibration.readers.message_log import MessageLog
from marl_market.calibration.readers.reader import Reader
from marl_market.calibration.readers.source import DataError, sources_of
from marl_market.calibration.replay_builder import build_replay
from marl_market.calibration.replay_opening import opening_levels, with_opening_levels
from marl_market.market.replay_tape import ReplayTape
from marl_market.market.validation import is_number, require

BARS = "bars"
KEPT = 4
"""Recordings that a process keeps in memory."""


@dataclass(frozen=True)
class RecordedMessages:
    """The messages of a recording, in the format of whichever reader recognizes it.

    Order-level data (LOBSTER, Databento's mbo, ITCH) are taken as they are. Of feeds that show only levels and fills
    (Binance, Coinbase) single orders are inferred, see `marl_market.calibration.readers.level_orders`.

    Attributes:
        path: file, a pattern such as day_*.csv.gz, or a list of either.
        start: first time used: time of day (09:30), or ISO date and time; None for all.
        end: time from which on nothing is used, likewise.
        book: LOBSTER's order book file of the same messages, whose first row completes the book as the recording
            begins; None: only what the messages tell of.
        reach_ticks: distance from the best price of their side that orders must once come within; None replays all.
    """

    path: str | Sequence[str]
    start: str | None = None
    end: str | None = None
    book: str | None = None
    reach_ticks: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | Path):
            object.__setattr__(self, "path", tuple(self.path))
        reach = self.reach_ticks
        right = reach is None or (is_number(reach) and reach >= 0)
        require(right, "recorded_messages.reach_ticks", reach, "zero or more, or null")

    def replay_tape(self, tick_size: float, lot_size: float) -> ReplayTape:
        """Return the messages in ticks and lots of these sizes; raises DataError where no reader reads the file.

        A process keeps the last few, so that all markets share them.
        """
        return _read(self, tick_size, lot_size)


@lru_cache(maxsize=KEPT)
def _read(recorded: RecordedMessages, tick_size: float, lot_size: float) -> ReplayTape:
    reader = reader_for(recorded.path, recorded.start, recorded.end, tick_size, lot_size)
    log = MessageLog()
    reading = reader.taken(recorded.path, log)
    recording = reading.recording()
    if recorded.book is not None:
        log = with_opening_levels(log, opening_levels(Path(recorded.book)))
    tick, lot = reading.prices.step(), reading.sizes.step()
    return build_replay(log, tick, lot, recording.sessions, recorded.reach_ticks, not reader.tells_orders)


def reader_for(
    path: str | Sequence[str], start: str | None, end: str | None, tick_size: float | None, lot_size: float | None
) -> Reader:
    """Return the reader of a file by its first lines; raises DataError where none recognizes it as messages."""
    source = sources_of(path)[0]
    found = reader_of(source.head())
    if found is None or not issubclass(found, Reader) or found.format == BARS:
        what = "which no reader recognizes" if found is None else f"which is of format {found.format}"
        raise DataError(f"path names {source.path.name}, {what}; a replay needs messages of orders or of levels")
    return found(tick_size=tick_size, lot_size=lot_size, start=start, end=end)
