"""Judges the times of a recording: which are believed, in which order rows are taken, and which part of them is used.

The rule, in this order:
- A time outside the format's bounds (of a feed: before 1990, or more than a day after today) is left out.
- A row more than a minute ahead of all before it is believed once `WITNESSES` rows follow it, or the file ends. Where
  an earlier time comes first, the rows since the jump are from the file's own future and left out.
- A row before its predecessors is put in its place where it is late by at most the tolerance, and left out otherwise.
- A file in which more than one time, and more than `LARGEST_SHARE` of them, are left out is in disorder: DataError.
"""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar

from marl_market.calibration.readers.source import Source
from marl_market.calibration.readers.summary import Summary
from marl_market.market.units import NANOSECONDS_PER_SECOND

MINUTE_NS = 60 * NANOSECONDS_PER_SECOND
DAY_NS = 86_400 * NANOSECONDS_PER_SECOND
EARLIEST_NS = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()) * NANOSECONDS_PER_SECOND
WITNESSES = 16
LARGEST_SHARE = 0.01
_TIME_OF_DAY = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?")

T = TypeVar("T")


class Row(NamedTuple, Generic[T]):
    """One parsed message: its time, its line, and what it says."""

    time_ns: int
    line: int
    message: T


@dataclass(frozen=True)
class Clock:
    """Times that a format allows.

    Attributes:
        earliest_ns: earliest plausible time.
        latest_ns: latest plausible time; None for a day after today.
        tolerance_ns: by how much a row may come after a later one.
    """

    earliest_ns: int = EARLIEST_NS
    latest_ns: int | None = None
    tolerance_ns: int = 0

    def in_order(self, rows: Iterable[Row[T]], source: Source, summary: Summary) -> Iterator[Row[T]]:
        """Yield the believed rows in order of time; raises DataError where the times are in disorder."""
        return _in_place(self._believed(rows, source, summary), self.tolerance_ns, source, summary)

    def _believed(self, rows: Iterable[Row[T]], source: Source, summary: Summary) -> Iterator[Row[T]]:
        latest = time.time_ns() + DAY_NS if self.latest_ns is None else self.latest_ns
        implausible = f"time before {iso(self.earliest_ns)} or after {iso(latest)}"
        newest = -(10**30)
        jumped: list[Row[T]] = []
        for row in rows:
            if not self.earliest_ns <= row.time_ns <= latest:
                summary.leave_out(implausible, source, row.line, iso(row.time_ns))
                continue
            if jumped and row.time_ns < jumped[0].time_ns - self.tolerance_ns:
                for each in jumped:
                    summary.leave_out("time from the file's own future", source, each.line, iso(each.time_ns))
                jumped = []
            if jumped or row.time_ns > newest + MINUTE_NS:
                jumped.append(row)
                if len(jumped) <= WITNESSES:
                    continue
                yield from jumped
                newest, jumped = max(each.time_ns for each in jumped), []
            else:
                newest = max(newest, row.time_ns)
                yield row
        yield from jumped


def _in_place(rows: Iterable[Row[T]], tolerance_ns: int, source: Source, summary: Summary) -> Iterator[Row[T]]:
    waiting: list[tuple[int, int, Row[T]]] = []
    newest = emitted = -(10**30)
    for number, row in enumerate(rows):
        if row.time_ns < newest:
            if row.time_ns < max(emitted, newest - tolerance_ns):
                summary.leave_out(_late(tolerance_ns), source, row.line, iso(row.time_ns))
                _require_order(number, row, source, summary)
                continue
            summary.repair("late rows put in order", source, row.line, iso(row.time_ns))
        newest = max(newest, row.time_ns)
        if not tolerance_ns:
            yield row
            continue
        heapq.heappush(waiting, (row.time_ns, number, row))
        while waiting and waiting[0][0] < newest - tolerance_ns:
            emitted = waiting[0][0]
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _late(tolerance_ns: int) -> str:
    return f"time more than {tolerance_ns / NANOSECONDS_PER_SECOND:g} s before that of an earlier row"


def _require_order(number: int, row: Row[T], source: Source, summary: Summary) -> None:
    late = sum(count.rows for reason, count in summary.left_out.items() if reason.startswith("time "))
    if late > max(1, LARGEST_SHARE * number):
        raise source.error(row.line, iso(row.time_ns), f"times in order; {late} rows have an earlier one out of place")


class Window:
    """Part of a recording that is used: from `start` up to, but without, `end`.

    Each is a time of day such as 09:30, of every day, or an ISO date and time (UTC where it has no zone), or None.
    """

    def __init__(self, start: str | None = None, end: str | None = None) -> None:
        self._start = None if start is None else _bound(start, "start")
        self._end = None if end is None else _bound(end, "end")
        self.origin_ns = 0
        """Time 0 of the recording, in nanoseconds since 1970."""

    def contains(self, time_ns: int) -> bool:
        """Return whether a time of the recording is inside."""
        return self._reached(self._start, time_ns, True) and not self._reached(self._end, time_ns, False)

    def _reached(self, bound: tuple[bool, int] | None, time_ns: int, otherwise: bool) -> bool:
        if bound is None:
            return otherwise
        daily, limit = bound
        return (time_ns % DAY_NS if daily else time_ns + self.origin_ns) >= limit


def _bound(given: str, field: str) -> tuple[bool, int]:
    """Return (whether of every day, nanoseconds)."""
    if match := _TIME_OF_DAY.fullmatch(str(given)):
        hours, minutes, seconds = (int(match[part] or 0) for part in (1, 2, 3))
        whole = (hours * 60 + minutes) * 60 + seconds
        if whole <= 86_400 and minutes < 60 and seconds < 60:
            return True, whole * NANOSECONDS_PER_SECOND + int((match[4] or "").ljust(9, "0"))
    try:
        moment = datetime.fromisoformat(str(given))
    except ValueError:
        raise ValueError(
            f"{field} is {given}; it must be a time of day such as 09:30, or a date and time such as 2021-04-17T09:30"
        ) from None
    seconds_since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return False, round(seconds_since * 1_000_000) * 1000


def iso(time_ns: int) -> str:
    """Return a time since 1970 in ISO 8601 to the microsecond, or its nanoseconds where no calendar has it."""
    try:
        return (
            datetime.fromtimestamp(time_ns // NANOSECONDS_PER_SECOND, UTC)
            .replace(microsecond=time_ns % NANOSECONDS_PER_SECOND // 1000)
            .isoformat()
        )
    except (ValueError, OverflowError, OSError):
        return f"{time_ns} ns"
