"""Counts the rows that a reader read, used, repaired and left out, and the time in which the feed was active."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from marl_market.calibration.readers.source import DataError, Source, quoted
from marl_market.market.units import NANOSECONDS_PER_SECOND


class Gap(NamedTuple):
    """A stretch of time without data, or without continuous trading.

    Attributes:
        from_ns: last time before it.
        to_ns: first time after it.
        reason: such as outage, halt or between files.
    """

    from_ns: int
    to_ns: int
    reason: str


@dataclass
class Count:
    """Rows with one reason.

    Attributes:
        rows: number of them.
        first: file and line of the first.
    """

    rows: int
    first: str


@dataclass
class Summary:
    """Account of one reading.

    Attributes:
        strict: whether a repair and a row left out raise DataError instead of being counted.
        rows: messages read.
        repaired: rows used after a repair, by reason.
        left_out: rows not used, by reason.
        passed_over: rows of other products, channels or times, by reason.
        noted: other counts, such as hidden executions, by name.
        gaps: in order of time.
        active_ns: time in sessions, without the gaps.
    """

    strict: bool = False
    rows: int = 0
    repaired: dict[str, Count] = field(default_factory=dict)
    left_out: dict[str, Count] = field(default_factory=dict)
    passed_over: dict[str, Count] = field(default_factory=dict)
    noted: dict[str, int] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    active_ns: int = 0

    @property
    def used(self) -> int:
        """Return the number of rows used."""
        return self.rows - _total(self.left_out) - _total(self.passed_over)

    def repair(self, reason: str, source: Source, line: int, found: str = "") -> None:
        """Count a row that is used after a repair; raises DataError where `strict`."""
        self._count_or_raise(self.repaired, reason, source, line, found)

    def leave_out(self, reason: str, source: Source, line: int, found: str = "") -> None:
        """Count a row that is not used; raises DataError where `strict`."""
        self._count_or_raise(self.left_out, reason, source, line, found)

    def pass_over(self, reason: str, source: Source, line: int) -> None:
        """Count a row that is none of the reader's, or outside `start` and `end`; never raises."""
        _add(self.passed_over, reason, source, line)

    def note(self, name: str, rows: int = 1) -> None:
        """Add to the count of rows of a name."""
        self.noted[name] = self.noted.get(name, 0) + rows

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, with the share of the time that each kind of gap takes."""
        return {
            "rows": self.rows,
            "used": self.used,
            **{
                name: {reason: asdict(count) for reason, count in getattr(self, name).items()}
                for name in ("repaired", "left_out", "passed_over")
            },
            "noted": dict(self.noted),
            "active_seconds": self.active_ns / NANOSECONDS_PER_SECOND,
            "gaps": {
                reason: {"count": count, "seconds": length / NANOSECONDS_PER_SECOND, "share": share}
                for reason, count, length, share in self._gaps_by_reason()
            },
        }

    def to_text(self) -> str:
        """Return the account for people, one line a number."""
        lines = [f"{self.rows} rows read, {self.used} used"]
        for name, counts in (
            ("repaired", self.repaired),
            ("left out", self.left_out),
            ("passed over", self.passed_over),
        ):
            lines += [f"  {name}: {count.rows} {reason} (first: {count.first})" for reason, count in counts.items()]
        lines += [f"  {name}: {rows}" for name, rows in self.noted.items()]
        lines.append(f"active for {self.active_ns / NANOSECONDS_PER_SECOND:.1f} s")
        lines += [
            f"  {reason}: {count}, {length / NANOSECONDS_PER_SECOND:.1f} s, {share:.1%} of the time"
            for reason, count, length, share in self._gaps_by_reason()
        ]
        return "\n".join(lines)

    def _count_or_raise(self, counts: dict[str, Count], reason: str, source: Source, line: int, found: str) -> None:
        if self.strict:
            quote = f": found {quoted(found)}" if found else ""
            raise DataError(f"{source.path.name}, line {line}: {reason}{quote}; strict=true allows none")
        _add(counts, reason, source, line)

    def _gaps_by_reason(self) -> Iterator[tuple[str, int, int, float]]:
        length: dict[str, list[int]] = {}
        for gap in self.gaps:
            length.setdefault(gap.reason, []).append(gap.to_ns - gap.from_ns)
        whole = self.active_ns + sum(map(sum, length.values()))
        for reason, each in length.items():
            yield reason, len(each), sum(each), sum(each) / whole if whole else 0.0


def _add(counts: dict[str, Count], reason: str, source: Source, line: int) -> None:
    if reason in counts:
        counts[reason].rows += 1
    else:
        counts[reason] = Count(1, f"{source.path.name}, line {line}")


def _total(counts: dict[str, Count]) -> int:
    return sum(count.rows for count in counts.values())
