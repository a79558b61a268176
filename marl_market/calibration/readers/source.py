"""Reads a market data file, plain or compressed, and names the line that breaks its format."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import io
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

GZIP, XZ, ZSTANDARD = b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"
_HEAD_BYTES = 1 << 16
_HEAD_LINES = 50
_ZSTANDARD_BYTES = 1 << 14
_LONGEST_QUOTE = 120
_WHOLE_TEXT = "UTF-8 text, plain or in a whole gzip, xz or zstandard file"


class DataError(ValueError):
    """A market data file holds something that its format does not allow."""


class Head(NamedTuple):
    """The beginning of a file, by which a reader recognizes its format.

    Attributes:
        name: of the file, without its folder.
        data: first bytes, decompressed.
        lines: first lines that are not blank; none where the file is no text.
    """

    name: str
    data: bytes
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """One data file, plain, gzip, xz or zstandard (recognized by its first bytes).

    Attributes:
        path: of the file.
    """

    path: Path

    @contextmanager
    def binary(self) -> Iterator[BinaryIO]:
        """Open the decompressed bytes; raises DataError where they cannot be read."""
        number = [0]
        with self._readable(number), _decompressed(self.path) as stream:
            yield stream

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield (line number from 1, line without its end), without blank lines and a byte order mark.

        Raises DataError where the bytes cannot be read.
        """
        number = [0]
        with (
            self._readable(number),
            _decompressed(self.path) as stream,
            io.TextIOWrapper(stream, encoding="utf-8-sig") as text,
        ):
            for number[0], line in enumerate(text, start=1):
                if not line.isspace():
                    yield number[0], line.rstrip("\r\n")

    def head(self) -> Head:
        """Return the beginning of the file; raises DataError where the bytes cannot be read."""
        with self.binary() as stream:
            data = stream.read(_HEAD_BYTES)
        try:
            # The last line and the last character may be cut off.
            text = data.decode("utf-8-sig", errors="strict" if len(data) < _HEAD_BYTES else "ignore")
        except UnicodeDecodeError:
            return Head(self.path.name, data, ())
        lines = [line for line in text.splitlines() if line.strip()]
        whole = lines if len(data) < _HEAD_BYTES or len(lines) < 2 else lines[:-1]
        return Head(self.path.name, data, () if "\x00" in text else tuple(whole[:_HEAD_LINES]))

    def error(self, line: int, found: str, expected: str) -> DataError:
        """Return the error of line `line`: its content and the format's demand."""
        return DataError(f"{self.path.name}, line {line}: found {quoted(found)}; expected {expected}")

    def sha256(self) -> str:
        """Return the SHA-256 of the file's bytes as they lie on disk."""
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    @contextmanager
    def _readable(self, number: list[int]) -> Iterator[None]:
        try:
            yield
        except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, UnicodeDecodeError) as error:
            raise self.error(number[0] + 1, str(error), _WHOLE_TEXT) from error


def sources_of(path: str | Path | Sequence[str | Path]) -> list[Source]:
    """Return the files of a path, of a pattern such as `day_*.csv.gz`, or of a list of either, sorted by name.

    Raises FileNotFoundError for a path that is no file and a pattern without one.
    """
    if not isinstance(path, str | Path):
        return sorted({source for each in path for source in sources_of(each)}, key=_by_name)
    given = Path(path).expanduser()
    if given.is_file():
        return [Source(given)]
    # The folder may have brackets in its name, so only a folder that is none is taken for a part of the pattern.
    folder = given.parent if given.parent.is_dir() else Path(given.anchor)
    pattern = given.relative_to(folder)
    found = [each for each in folder.glob(str(pattern)) if each.is_file()] if pattern.parts else []
    if not found:
        raise FileNotFoundError(f"path is {str(path)!r}; there is no such file, and no file fits it as a pattern")
    return sorted(map(Source, found), key=_by_name)


def quoted(text: str) -> str:
    """Return a text in quotes, a long one only in part."""
    return repr(text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "...")


def _by_name(source: Source) -> tuple[str, str]:
    return source.path.name, str(source.path)


@contextmanager
def _decompressed(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as probe:
        magic = probe.read(6)
    with _opener(magic)(path) as stream:
        yield stream


def _opener(magic: bytes) -> Callable[[Path], BinaryIO]:
    if magic.startswith(GZIP):
        return cast(Callable[[Path], BinaryIO], gzip.open)
    if magic.startswith(XZ):
        return cast(Callable[[Path], BinaryIO], lzma.open)
    return _open_zstandard if magic.startswith(ZSTANDARD) else lambda path: path.open("rb")


def _open_zstandard(path: Path) -> BinaryIO:
    try:
        zstandard = importlib.import_module("zstandard")
    except ModuleNotFoundError as error:
        raise DataError(
            f"{path.name} is compressed with zstandard, which needs a package: pip install 'marl_market[zstandard]'"
        ) from error
    return cast(BinaryIO, io.BufferedReader(_Zstandard(path, zstandard)))


class _Zstandard(io.RawIOBase):
    """Decompressed bytes of a zstandard file of one frame or several.

    The package's own reader takes a file that is cut off within a frame for a whole one.
    """

    def __init__(self, path: Path, zstandard: Any) -> None:
        self._zstandard = zstandard
        self._stream = path.open("rb")
        self._frame: Any = None
        self._compressed, self._ready = b"", b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and self._fill():
            pass
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _fill(self) -> bool:
        """Decompress what comes next; returns whether there is more."""
        self._compressed = self._compressed or self._stream.read(_ZSTANDARD_BYTES)
        if not self._compressed:
            if self._frame is not None:
                raise EOFError("the end of the file within a zstandard frame")
            return False
        self._frame = self._frame or self._zstandard.ZstdDecompressor().decompressobj()
        try:
            self._ready = self._frame.decompress(self._compressed)
        except self._zstandard.ZstdError as error:
            raise EOFError(f"damaged zstandard data: {error}") from error
        self._compressed = b""
        if self._frame.eof:
            self._compressed, self._frame = self._frame.unused_data, None
        return True
