"""The frame of every reader: one venue format a file, real files in, one recording out.

A reader of a format of your own: a frozen dataclass that extends `Reader` in a file of this folder, with `format`,
`recognizes` and `take`, and a config in conf/calibration. Everything that runs over all formats finds it by itself.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from marl_market.calibration.readers.detect import require_format
from marl_market.calibration.readers.message_log import MessageLog
from marl_market.calibration.readers.recorder import Recorder, Recording
from marl_market.calibration.readers.source import Head, Source, sources_of
from marl_market.calibration.readers.steps import Grid
from marl_market.calibration.readers.summary import Summary
from marl_market.calibration.readers.times import Window, iso
from marl_market.market.fees import Fees
from marl_market.market.provenance import Provenance

Paths = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Reader(ABC):
    """Turn files of one venue format into a recording.

    Attributes:
        tick_size: currency of one tick, to which prices are rounded; None for the greatest common divisor of the
            prices.
        lot_size: units of one lot, to which sizes are rounded; None for the greatest common divisor of the sizes.
        fees: of the venue.
        start: first time used: time of day (09:30), of every day, or ISO date and time; None for all.
        end: time from which on nothing is used, likewise.
        longest_silence: seconds without a message, beyond which there is an outage; None for a rule (see `recorder`).
        strict: whether a repair and a row left out raise DataError.
    """

    tick_size: float | str | None = None
    lot_size: float | str | None = None
    fees: Fees = field(default_factory=Fees)
    start: str | None = None
    end: str | None = None
    longest_silence: float | None = None
    strict: bool = False

    tells_orders: ClassVar[bool] = True
    """Whether the format tells single orders apart, or shows only levels."""
    format: ClassVar[str]
    """Name of the format, and of its config in conf/calibration."""
    price_places: ClassVar[int]
    size_places: ClassVar[int]

    @staticmethod
    @abstractmethod
    def recognizes(head: Head) -> bool:
        """Return whether the file begins as one of this format does."""

    @abstractmethod
    def take(self, source: Source, reading: Reading) -> None:
        """Record the messages of one file; raises DataError on the first line that the format does not allow."""

    def read(self, path: Paths) -> Recording:
        """Return the recording of a file, or of several (a list, or a pattern), each a session of its own.

        Raises DataError on the first line that the format does not allow, FileNotFoundError where there is no file.
        """
        return self.taken(path, MessageLog(kept=False)).recording()

    def taken(self, path: Paths, log: MessageLog) -> Reading:
        """Return the reading of a file, or of several, whose messages of single orders are in `log`; raises as `read`.

        Of a format that shows only levels, single orders are inferred.
        """
        sources = sources_of(path)
        reading = Reading(self, sources, log)
        for source in sources:
            require_format(self, source)
        self.take_all(reading)
        return reading

    def take_all(self, reading: Reading) -> None:
        """Record the messages of all files, each a session of its own."""
        for source in reading.sources:
            reading.recorder.begin_file()
            self.take(source, reading)

    def time_text(self, time_ns: int, reading: Reading) -> str:
        """Return a time of the recording for people."""
        return iso(time_ns)


class Reading:
    """One reading in progress.

    Attributes:
        sources: files, in order.
        summary: account of the rows.
        recorder: of the rows.
        prices: tick of the prices.
        sizes: lot of the sizes.
        currency: of the prices; set by the reader.
        instrument: the only one of the first file, where the reader was given none; set by the reader.
    """

    def __init__(self, reader: Reader, sources: Sequence[Source], log: MessageLog) -> None:
        self.sources = sources
        self.summary = Summary(reader.strict)
        self.recorder = Recorder(self.summary, Window(reader.start, reader.end), reader.longest_silence, log)
        self.prices = Grid(reader.tick_size, reader.price_places, "tick_size", self.summary)
        self.sizes = Grid(reader.lot_size, reader.size_places, "lot_size", self.summary)
        self.currency = ""
        self.instrument: str | None = None
        self._reader = reader

    def recording(self) -> Recording:
        """Return what was recorded."""
        first, last = self.recorder.span_ns
        provenance = Provenance(
            source=name_of(self.sources),
            format=self._reader.format,
            start=self._reader.time_text(first, self),
            end=self._reader.time_text(last, self),
            rows=self.summary.used,
            sha256=_sha256(self.sources),
        )
        return self.recorder.recording(
            self.prices.step(), self.sizes.step(), provenance, self._reader.fees, self.currency
        )


def name_of(sources: Sequence[Source]) -> str:
    """Return the name of a file, or of the first and the last of several."""
    names = [source.path.name for source in sources]
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]} ({len(names)} files)"


def _sha256(sources: Sequence[Source]) -> str:
    """Return the digest of the only file, or of the digests of several."""
    each = [source.sha256() for source in sources]
    return each[0] if len(each) == 1 else hashlib.sha256("".join(each).encode()).hexdigest()
