"""Judges the times of a recording: which are believed, in which order rows are taken, and which part of them is used.

The rule, in this order:
- A time outside the format's bounds (of a feed: before 1990, or more than a day after today) is left out.
- A row more than a minute ahead of all before it is believed once `WITNESSES` rows follow it, or the file ends. Where
  an earlier time comes first, the rows since the jump are from the file's own future and left out.
- A row before its predecessors is put in its place where it is late by at most the tolerance, and left out otherwise.
- A file of which more than one row, and more than `LARGEST_SHARE` of all, is left out so is in disorder: DataError.
"""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar

from marl_market.calibration.readers.source import Source
from marl_market.calibration.readers.summary import Summary
from marl_market.market.units import NANOSECONDS_PER_SECOND

MINUTE_NS = 60 * NANOSECONDS_PER_SECOND
DAY_NS = 86_400 * NANOSECONDS_PER_SECOND
NEVER_NS = -(10**30)
EARLIEST_NS = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()) * NANOSECONDS_PER_SECOND
WITNESSES = 16
LARGEST_SHARE = 0.01
_TIME_OF_DAY = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?")


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


T = TypeVar("T")


class Row(NamedTuple, Generic[T]):
    """One parsed message: its time, its line, and what it says.

    Rows of one channel are sent in order; rows of different channels may overtake each other, which is no fault.
    """

    time_ns: int
    line: int
    message: T
    channel: int = 0


@dataclass(frozen=True)
class Clock:
    """Times that a format allows.

    Attributes:
        earliest_ns: earliest plausible time.
        latest_ns: latest plausible time; None for a day after today.
        tolerance_ns: by how much a row may come after a later one.
        bounds: implausible times, in words.
        text: prints a time.
    """

    earliest_ns: int = EARLIEST_NS
    latest_ns: int | None = None
    tolerance_ns: int = 0
    bounds: str = "before 1990 or more than a day after today"
    text: Callable[[int], str] = iso

    def in_order(self, rows: Iterable[Row[T]], source: Source, summary: Summary) -> Iterator[Row[T]]:
        """Yield the believed rows in order of time; raises DataError where the times are in disorder."""
        judge: _Judge[T] = _Judge(self, source, summary)
        yield from judge.in_place(judge.believed(rows))
        judge.require_order()


class _Judge(Generic[T]):
    """Judgment of the times of one file."""

    def __init__(self, clock: Clock, source: Source, summary: Summary) -> None:
        self._clock, self._source, self._summary = clock, source, summary
        self._rows = 0
        self._left_out: list[int] = []

    def believed(self, rows: Iterable[Row[T]]) -> Iterator[Row[T]]:
        clock = self._clock
        latest = time.time_ns() + DAY_NS if clock.latest_ns is None else clock.latest_ns
        newest = NEVER_NS
        jumped: list[Row[T]] = []
        for row in rows:
            self._rows += 1
            if not clock.earliest_ns <= row.time_ns <= latest:
                self._leave_out(row, f"time {clock.bounds}")
                continue
            if jumped and row.time_ns < jumped[0].time_ns - clock.tolerance_ns:
                for each in jumped:
                    self._leave_out(each, "time from the file's own future")
                jumped = []
            if not jumped and row.time_ns <= newest + MINUTE_NS:
                newest = max(newest, row.time_ns)
                yield row
                continue
            jumped.append(row)
            if len(jumped) > WITNESSES:
                yield from jumped
                newest, jumped = max(each.time_ns for each in jumped), []
        yield from jumped

    def in_place(self, rows: Iterable[Row[T]]) -> Iterator[Row[T]]:
        tolerance_ns = self._clock.tolerance_ns
        waiting: list[tuple[int, int, Row[T]]] = []
        newest = NEVER_NS
        newest_of: dict[int, int] = {}
        for number, row in enumerate(rows):
            if row.time_ns < newest - tolerance_ns:
                seconds = tolerance_ns / NANOSECONDS_PER_SECOND
                self._leave_out(row, f"time more than {seconds:g} s before that of an earlier row")
                continue
            if row.time_ns < newest_of.get(row.channel, NEVER_NS):
                self._summary.repair("late row put in order", self._source, row.line, self._clock.text(row.time_ns))
            else:
                newest_of[row.channel] = row.time_ns
            newest = max(newest, row.time_ns)
            if not tolerance_ns:
                yield row
                continue
            heapq.heappush(waiting, (row.time_ns, number, row))
            while waiting[0][0] < newest - tolerance_ns:
                yield heapq.heappop(waiting)[2]
        while waiting:
            yield heapq.heappop(waiting)[2]

    def require_order(self) -> None:
        wrong = len(self._left_out)
        if wrong > max(1, LARGEST_SHARE * self._rows):
            found = f"{wrong} of {self._rows} rows whose time is implausible or out of order, the first here"
            raise self._source.error(self._left_out[0], found, f"{LARGEST_SHARE:.0%} at most; see `times` for the rule")

    def _leave_out(self, row: Row[T], reason: str) -> None:
        self._left_out.append(row.line)
        self._summary.leave_out(reason, self._source, row.line, self._clock.text(row.time_ns))


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
