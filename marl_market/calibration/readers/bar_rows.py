"""The rows of a table of bars, CSV or Parquet: a time, and the columns that are wanted.

Times are ISO 8601 (UTC where they have no zone), dates with slashes, or whole numbers since 1970: seconds,
milliseconds, microseconds or nanoseconds, whichever gives a date between 1973 and 2262.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from marl_market.calibration.readers.source import Source
from marl_market.calibration.readers.times import Row
from marl_market.market.units import NANOSECONDS_PER_SECOND

PARQUET = b"PAR1"
LEAST_EPOCH = 10**8
EXPECTED = "a time and prices, such as 2024-01-31T23:59:00 and 1.0823"
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(.*)", re.ASCII)
_FRACTION = re.compile(r"(.*:\d\d)\.(\d{1,9})(.*)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Fields = tuple[str, ...]


def separator_of(header: str) -> str:
    """Return the character between the columns of a CSV header."""
    return max(",;\t", key=header.count)


def csv_names(header: str) -> list[str]:
    """Return the column names of a CSV header."""
    return [name.strip().strip('"') for name in header.split(separator_of(header))]


def csv_rows(source: Source, places: Sequence[int], day_first: bool | None) -> Iterator[Row[Fields]]:
    """Yield the fields at `places`, the first of them as the time; raises DataError for a row that does not fit.

    A file whose newest row comes first is turned round.
    """
    lines = source.lines()
    _, header = next(lines)
    separator, count = separator_of(header), len(csv_names(header))
    parse = _time_parser(source, places[0], separator, day_first)

    def rows() -> Iterator[Row[Fields]]:
        for number, line in lines:
            fields = [field.strip().strip('"') for field in line.split(separator)]
            if len(fields) != count:
                raise source.error(number, line, f"{count} columns, as in the header")
            yield _row(source, number, line, parse, [fields[place] for place in places])

    if _newest_first(source, parse, places[0], separator):
        return reversed(list(rows()))
    return rows()


def parquet_rows(source: Source, names: Sequence[str]) -> Iterator[Row[Fields]]:
    """Yield the columns `names` of a Parquet file, the first of them as the time."""
    number = 0
    for batch in _open_parquet(source).iter_batches(columns=list(names)):
        columns = batch.to_pydict()
        for values in zip(*(columns[name] for name in names), strict=True):
            number += 1
            fields = ["" if value is None else str(value) for value in values]
            yield _row(source, number, ", ".join(fields), time_of, fields)


def parquet_names(source: Source) -> list[str]:
    """Return the column names of a Parquet file."""
    return list(_open_parquet(source).schema_arrow.names)


def _open_parquet(source: Source) -> Any:
    import pyarrow.lib
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(source.path)
    except (pyarrow.lib.ArrowException, OSError) as error:
        raise source.error(1, str(error), "a whole Parquet file") from None


def _row(source: Source, number: int, line: str, parse: Callable[[str], int], fields: list[str]) -> Row[Fields]:
    try:
        return Row(parse(fields[0]), number, tuple(fields[1:]))
    except ValueError:
        raise source.error(number, line, EXPECTED) from None


def time_of(text: str) -> int:
    """Return nanoseconds since 1970; raises ValueError where the text is no time."""
    if text.isdecimal():
        value = int(text)
        if value < LEAST_EPOCH:
            raise ValueError(text)
        return value * 10 ** next((power for power in (9, 6, 3) if value * 10**power < 2**63), 0)
    fraction = _FRACTION.fullmatch(text)
    if fraction:
        text = fraction[1] + fraction[3]
    moment = datetime.fromisoformat(text)
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    whole = (since.days * 86_400 + since.seconds) * NANOSECONDS_PER_SECOND
    return whole + (int(fraction[2].ljust(9, "0")) if fraction else 0)


def _slashed_time(text: str, day_first: bool) -> int:
    match = _SLASHED.fullmatch(text)
    if not match:
        raise ValueError(text)
    day, month = (match[1], match[2]) if day_first else (match[2], match[1])
    return time_of(f"{match[3]}-{int(month):02}-{int(day):02}{match[4]}")


def _time_parser(source: Source, place: int, separator: str, day_first: bool | None) -> Callable[[str], int]:
    texts = _texts(source, place, separator)
    first = next(texts, "")
    if not _SLASHED.fullmatch(first):
        return time_of
    if day_first is None:
        day_first = _is_day_first(source, first, texts)
    return lambda text: _slashed_time(text, bool(day_first))


def _is_day_first(source: Source, first: str, texts: Iterator[str]) -> bool:
    for text in (first, *texts):
        if match := _SLASHED.fullmatch(text):
            if int(match[1]) > 12:
                return True
            if int(match[2]) > 12:
                return False
    raise source.error(2, first, "dates of which one shows what is the day, or day_first=true or false")


def _newest_first(source: Source, parse: Callable[[str], int], place: int, separator: str) -> bool:
    texts = _texts(source, place, separator)
    try:
        first, second = parse(next(texts)), parse(next(texts))
    except (StopIteration, ValueError):
        return False
    return second < first


def _texts(source: Source, place: int, separator: str) -> Iterator[str]:
    lines = source.lines()
    next(lines, None)
    for _, line in lines:
        fields = line.split(separator)
        if place < len(fields):
            yield fields[place].strip().strip('"')
