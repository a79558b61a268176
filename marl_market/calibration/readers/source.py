"""Reads a market data file line by line and names the line that breaks its format."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_GZIP_MAGIC = b"\x1f\x8b"
_LONGEST_QUOTE = 120


class DataError(ValueError):
    """A market data file holds something that its format does not allow."""


@dataclass(frozen=True)
class Source:
    """One data file, plain or gzip (recognized by its first bytes).

    Attributes:
        path: of the file.
    """

    path: Path

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield (line number from 1, line without its end); raises DataError where the bytes cannot be read."""
        number = 0
        try:
            with self.path.open("rb") as probe:
                compressed = probe.read(2) == _GZIP_MAGIC
            with (gzip.open if compressed else open)(self.path, "rt", encoding="utf-8") as stream:
                for number, line in enumerate(stream, start=1):
                    yield number, line.rstrip("\r\n")
        except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as error:
            raise self.error(number + 1, str(error), "text, plain or in a whole gzip file") from error

    def error(self, line: int, found: str, expected: str) -> DataError:
        """Return the error of line `line`: its content and the format's demand."""
        quoted = found if len(found) <= _LONGEST_QUOTE else found[:_LONGEST_QUOTE] + "..."
        return DataError(f"{self.path.name}, line {line}: found {quoted!r}; expected {expected}")

    def sha256(self) -> str:
        """Return the SHA-256 of the file's bytes as they lie on disk."""
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
