"""The table of market data files: the reader of each, and how many of its rows can be used."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from command.recordings import reader_for

from marl_market.calibration.readers.summary import Count, Summary

HEADER = (
    f"{'file':58} {'format':15} {'rows':>8} {'used':>8} {'repaired':>8} {'left out':>8} {'passed':>8} "
    f"{'sessions':>8} {'gaps':>5} {'rows/s':>8} {'seconds':>7}"
)


@dataclass(frozen=True)
class ReadFile:
    """One line of the table.

    Attributes:
        name: of the file or pattern.
        format: of the reader that recognizes it; "-" where none does.
        seconds: that reading took.
        summary: account of the rows; None where the file is rejected.
        rejection: the reader's error; empty where there is none.
    """

    name: str
    format: str
    seconds: float
    summary: Summary | None = None
    rejection: str = ""

    def to_text(self) -> str:
        """Return the line."""
        head = f"{self.name:58} {self.format:15}"
        if self.summary is None:
            return f"{head} rejected: {self.rejection}"
        read, gaps = self.summary, len(self.summary.gaps)
        rows = (read.rows, read.used, *map(_total, (read.repaired, read.left_out, read.passed_over)))
        row_rate = read.rows / self.seconds if self.seconds else 0.0
        numbers = " ".join(f"{count:8}" for count in (*rows, gaps + 1))
        return f"{head} {numbers} {gaps:5} {row_rate:8.0f} {self.seconds:7.1f}"


def paths_of(given: Sequence[str]) -> Iterator[tuple[str, str | Path]]:
    """Yield (name, path): of a folder each of its files, and what else is given as it is."""
    for each in given:
        if not Path(each).is_dir():
            yield Path(each).name, each
            continue
        for path in sorted(Path(each).rglob("*")):
            if path.is_file():
                yield str(path.relative_to(each)), path


def read_one(name: str, path: str | Path, product: str | None = None) -> ReadFile:
    """Read a file, or the files of a pattern as one recording, by the reader that recognizes the first.

    `product` goes to readers of formats that hold several, and is None where each file has only one.
    """
    began, found = time.perf_counter(), "-"
    try:
        reader = reader_for(path, product)
        found = reader.format
        summary = reader.read(path).summary
    except (ValueError, OSError) as error:
        return ReadFile(name, found, time.perf_counter() - began, rejection=str(error))
    return ReadFile(name, found, time.perf_counter() - began, summary)


def _total(counts: dict[str, Count]) -> int:
    return sum(count.rows for count in counts.values())
