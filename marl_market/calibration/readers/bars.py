"""Reads bars (open, high, low, close, volume), CSV or Parquet, plain or compressed, with a header.

The time is the column named so (timestamp, time, date, ...), or the first. Prices are the columns open, high, low and
close in any case; a table with one price column only, such as an index by day, gives bars of that price. Bars of bid
and ask from two files (`ask`) become bars of the mid with a spread.

Left out, by reason: a row with an empty field, a price of zero or less, a high below or a low above another price of
its row, a volume below zero, and a time that the row before has too. A file whose newest row comes first is turned
round.

Bars have neither orders nor a book, so no market can be calibrated from them: `market_spec` says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.readers.bar_rows import (
    EXPECTED,
    PARQUET,
    Fields,
    csv_names,
    csv_rows,
    parquet_names,
    parquet_rows,
)
from marl_market.calibration.readers.detect import require_format
from marl_market.calibration.readers.reader import Paths
from marl_market.calibration.readers.source import Head, Source, sources_of
from marl_market.calibration.readers.summary import Gap, Summary
from marl_market.calibration.readers.times import Clock, Row, Window, iso
from marl_market.market.bars import BAR, PRICES, Bars, mid_bars
from marl_market.market.units import NANOSECONDS_PER_SECOND

TIME_NAMES = ("timestamp", "timestamp_utc", "time", "datetime", "date", "open_time", "ts_event", "__index_level_0__")
EARLIEST_NS = int(datetime(1800, 1, 1, tzinfo=UTC).timestamp()) * NANOSECONDS_PER_SECOND
CLOCK = Clock(EARLIEST_NS, bounds="before 1800 or more than a day after today")


@dataclass(frozen=True)
class RecordedBars(Bars):
    """Real bars, with the account of their reading.

    Attributes:
        source: name of the file, or of the first and the last.
        summary: account of the rows.
    """

    source: str
    summary: Summary


@dataclass(frozen=True)
class BarsReader:
    """Read files of bars.

    Attributes:
        price: column of the close, such as "Adj Close"; None for close, or the only price. The other prices of a row
            are scaled with it.
        ask: files of the ask side, where the path has those of the bid side; None where there is one price.
        day_first: whether dates with slashes begin with the day; None where the file shows it.
        start: first time used: time of day (09:30), of every day, or ISO date and time; None for all.
        end: time from which on nothing is used, likewise.
        strict: whether a row left out raises DataError.
    """

    price: str | None = None
    ask: Paths | None = None
    day_first: bool | None = None
    start: str | None = None
    end: str | None = None
    strict: bool = False

    format = "bars"

    @staticmethod
    def recognizes(head: Head) -> bool:
        """Return whether the file is Parquet, or begins with a header of prices, or of a time and one column."""
        if head.data.startswith(PARQUET):
            return True
        names = [name.lower() for name in csv_names(head.lines[0])] if head.lines else []
        return set(PRICES) <= set(names) or (len(names) == 2 and names[0] in TIME_NAMES)

    def read(self, path: Paths) -> RecordedBars:
        """Return the bars of a file, or of several (a list, or a pattern).

        Raises DataError for a file of another format and on the first row that does not fit, FileNotFoundError where
        there is no file.
        """
        summary = Summary(self.strict)
        sources = sources_of(path)
        bars = Bars(self._rows(sources, summary))
        if self.ask is not None:
            bars = self._mid(bars, sources_of(self.ask), summary)
        if not bars.rows.size:
            raise sources[0].error(1, "no bar that could be used", EXPECTED)
        summary.gaps = [Gap(int(begin), int(end), "missing bars") for begin, end in bars.gaps]
        whole = int(bars.rows["time_ns"][-1] - bars.rows["time_ns"][0]) + bars.interval_ns
        summary.active_ns = whole - sum(gap.to_ns - gap.from_ns for gap in summary.gaps)
        return RecordedBars(bars.rows, sources[0].path.name, summary)

    def _mid(self, bids: Bars, asks: list[Source], summary: Summary) -> Bars:
        mid = mid_bars(bids, Bars(self._rows(asks, summary)))
        if missing := bids.rows.size - mid.rows.size:
            if self.strict:
                raise asks[0].error(
                    1, f"{missing} bars without an ask at or above the bid", "one for each: strict=true"
                )
            summary.note("bars of the bid without an ask at or above it, left out", missing)
        return mid

    def _rows(self, sources: list[Source], summary: Summary) -> NDArray[np.void]:
        rows = np.concatenate([np.fromiter(self._bars_of(source, summary), BAR) for source in sources])
        if np.any(np.diff(rows["time_ns"]) <= 0):
            late = int(np.argmax(np.diff(rows["time_ns"]) <= 0)) + 1
            raise sources[-1].error(
                1, iso(int(rows["time_ns"][late])), "files that follow each other and do not overlap"
            )
        return rows

    def _bars_of(self, source: Source, summary: Summary) -> Iterator[tuple[float, ...]]:
        require_format(self, source)  # type: ignore[arg-type]  # gives bars, so has no rows to take
        window, last_ns = Window(self.start, self.end), None
        for row in CLOCK.in_order(self._fields_of(source), source, summary):
            summary.rows += 1
            if not window.contains(row.time_ns):
                summary.pass_over("outside of start and end", source, row.line)
                continue
            bar = _bar(source, row, self.price is not None)
            reason = "a time that the row before has" if row.time_ns == last_ns else _implausible(bar)
            if reason:
                summary.leave_out(reason, source, row.line, ", ".join(row.message))
                continue
            last_ns = row.time_ns
            yield (row.time_ns, *bar, math.nan)

    def _fields_of(self, source: Source) -> Iterator[Row[Fields]]:
        """Return the rows with the fields open, high, low and close, then the price if one is named, then volume."""
        head = source.head()
        is_parquet = head.data.startswith(PARQUET)
        names = parquet_names(source) if is_parquet else csv_names(head.lines[0])
        places = self._places(source, names)
        if is_parquet:
            return parquet_rows(source, [names[place] for place in places])
        return csv_rows(source, places, self.day_first)

    def _places(self, source: Source, names: list[str]) -> list[int]:
        lower = [name.lower() for name in names]
        time = next((lower.index(name) for name in TIME_NAMES if name in lower), 0)
        if self.price is not None and self.price not in names:
            raise ValueError(f"price is {self.price}; {source.path.name} has the columns {', '.join(names)}")
        if not set(PRICES) <= set(lower):
            if self.price is None and len(names) != 2:
                raise source.error(1, ", ".join(names), f"columns {', '.join(PRICES)}, or one price: name it by price=")
            only = 1 - time if self.price is None else names.index(self.price)
            return [time, only]
        prices = [lower.index(name) for name in PRICES]
        volume = [lower.index("volume")] if "volume" in lower else []
        chosen = [] if self.price is None else [names.index(self.price)]
        return [time, *prices, *chosen, *volume]


def _bar(source: Source, row: Row[Fields], has_price: bool) -> tuple[float, ...]:
    """Return open, high, low, close and volume; NaN for an empty field of a price."""
    try:
        values = [float(field) if field else math.nan for field in row.message]
    except ValueError:
        raise source.error(row.line, ", ".join(row.message), EXPECTED) from None
    if len(values) == 1:
        return (values[0],) * 4 + (math.nan,)
    prices, others = values[:4], values[4:]
    if has_price:
        scale = others.pop(0) / prices[3] if prices[3] else math.nan
        prices = [price * scale for price in prices]
    return (*prices, others[0] if others else math.nan)


def _implausible(bar: tuple[float, ...]) -> str | None:
    opened, high, low, close, volume = bar
    if not all(map(math.isfinite, bar[:4])):
        return "a price is missing"
    if low <= 0:
        return "a price of zero or less"
    if high < max(opened, close, low) or low > min(opened, close):
        return "a high below or a low above another price"
    return "a volume below zero" if volume < 0 else None
