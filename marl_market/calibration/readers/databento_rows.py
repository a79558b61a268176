"""The rows of Databento's order-level schema `mbo`, from its CSV and its binary encoding.

Prices become whole units of 10^-9: a CSV holds either decimals or, as Databento writes them by default, those units
themselves; the first price of a file says which. Times are nanoseconds since 1970, or ISO 8601 in UTC. Columns may
stand in any order, and those that no book needs are passed over.
"""

from __future__ import annotations

import csv
import importlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from marl_market.calibration.readers.source import DataError, Head, Source
from marl_market.calibration.readers.times import Row
from marl_market.market.tape import Side
from marl_market.market.units import NANOSECONDS_PER_SECOND

PLACES = 9
UNDEFINED_PRICE = 2**63 - 1
UNDEFINED_TIME = 2**64 - 1
NO_PRICE = ("", str(UNDEFINED_PRICE), "9223372036.854775807")
DBN_MAGIC = b"DBN"
LAST, TOP_OF_BOOK, SNAPSHOT, MAYBE_BAD_BOOK = 1 << 7, 1 << 6, 1 << 5, 1 << 2
"""Bits of `flags`: last row of an event, best quote instead of an order, state of the book, gap in the venue's feed."""

ACTIONS = tuple("ACMTFRN")
SIDES = {"B": Side.BUY, "A": Side.SELL, "N": None}
COLUMNS = ("ts_event", "action", "side", "price", "size", "order_id", "flags")
EXPECTED = f"an mbo row: action one of {', '.join(ACTIONS)}, side B, A or N, price, and whole numbers otherwise"
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)", re.ASCII)


class Message(NamedTuple):
    """What one row says."""

    action: str
    side: Side | None
    price: int | None
    size: int
    order_id: int
    flags: int
    instrument: str


def is_csv(head: Head) -> bool:
    """Return whether a file begins with the header of an mbo file."""
    return bool(head.lines) and set(COLUMNS) <= set(head.lines[0].split(","))


def is_dbn(head: Head) -> bool:
    """Return whether a file begins as DBN does."""
    return head.data.startswith(DBN_MAGIC)


def mbo_rows(source: Source) -> Iterator[Row[Message]]:
    """Yield the rows of a file; raises DataError on the first that does not fit."""
    return dbn_rows(source) if is_dbn(source.head()) else csv_rows(source)


def csv_rows(source: Source) -> Iterator[Row[Message]]:
    """Yield the rows of a CSV file; raises DataError where a column is missing or a field does not fit."""
    lines = source.lines()
    number, line = next(lines, (1, ""))
    names = line.split(",")
    if missing := [name for name in COLUMNS if name not in names]:
        raise source.error(number, line, f"a header with {', '.join(COLUMNS)}: no {', '.join(missing)}")
    parse = _CsvParser(names)
    for number, line in lines:
        try:
            yield parse.row(number, next(csv.reader((line,))) if '"' in line else line.split(","))
        except (ValueError, KeyError):
            raise source.error(number, line, EXPECTED) from None


class _CsvParser:
    """The places of the columns of one file, and how its prices are written."""

    def __init__(self, names: list[str]) -> None:
        self._count = len(names)
        self._places = [names.index(name) for name in COLUMNS]
        self._instrument = next((names.index(name) for name in ("symbol", "instrument_id") if name in names), None)
        self._received = names.index("ts_recv") if "ts_recv" in names else None
        self._to_units: Callable[[str], int] | None = None

    def row(self, number: int, fields: list[str]) -> Row[Message]:
        """Return a row; raises ValueError or KeyError for a field that does not fit."""
        if len(fields) != self._count:
            raise ValueError(len(fields))
        event, action, side, price, size, order, flags = (fields[place] for place in self._places)
        if action not in ACTIONS:
            raise ValueError(action)
        bits = int(flags)
        received = event if self._received is None else fields[self._received]
        time_ns = nanoseconds(received if bits & SNAPSHOT else event)
        return Row(
            nanoseconds(received) if time_ns == UNDEFINED_TIME else time_ns,
            number,
            Message(
                action,
                SIDES[side],
                self._price(price),
                int(size),
                int(order),
                bits,
                "" if self._instrument is None else fields[self._instrument],
            ),
        )

    def _price(self, text: str) -> int | None:
        if text in NO_PRICE:
            return None
        if self._to_units is None:
            self._to_units = decimal_units if "." in text else int
        return self._to_units(text)


def dbn_rows(source: Source) -> Iterator[Row[Message]]:
    """Yield the rows of a DBN file; raises DataError for another schema, broken bytes or the missing package."""
    library = _library(source)
    decoder, symbols, number = library.DBNDecoder(), None, 0
    with source.binary() as stream:
        while chunk := stream.read(1 << 20):
            try:
                decoder.write(chunk)
                records = decoder.decode()
            except library.DBNError as error:
                raise source.error(number + 1, str(error), "a whole DBN file") from None
            for record in records:
                if symbols is None:
                    symbols = _symbols(source, record)
                elif isinstance(record, library.MBOMsg):
                    number += 1
                    yield _row(number, record, symbols)
    if symbols is None or decoder.buffer():
        raise source.error(number + 1, "the end of the file within a record", "a whole DBN file")


def _library(source: Source) -> Any:
    try:
        return importlib.import_module("databento_dbn")
    except ModuleNotFoundError:
        raise DataError(
            f"{source.path.name} is a DBN file, which the package databento-dbn decodes: pip install "
            "'marl_market[databento]', or export the file as CSV"
        ) from None


def _symbols(source: Source, metadata: Any) -> dict[int, str]:
    """Return the symbol of each instrument number; raises DataError for a file of another schema."""
    if metadata.schema != "mbo":
        raise source.error(1, f"the schema {metadata.schema}", "the schema mbo: every order, not levels or trades")
    return {
        int(interval["symbol"]): symbol
        for symbol, intervals in metadata.mappings.items()
        for interval in intervals
        if str(interval["symbol"]).isdecimal()
    }


def _row(number: int, record: Any, symbols: dict[int, str]) -> Row[Message]:
    as_received = record.ts_event == UNDEFINED_TIME or record.flags & SNAPSHOT
    message = Message(
        str(record.action),
        SIDES[str(record.side)],
        None if record.price == UNDEFINED_PRICE else record.price,
        record.size,
        record.order_id,
        record.flags,
        symbols.get(record.instrument_id, str(record.instrument_id)),
    )
    return Row(record.ts_recv if as_received else record.ts_event, number, message)


def decimal_units(text: str) -> int:
    """Return a decimal in units of 10^-PLACES; raises ValueError where it has more places or is none."""
    whole, _, fraction = text.removeprefix("-").partition(".")
    if len(fraction) > PLACES or not (whole + fraction).isdecimal():
        raise ValueError(text)
    units = int(whole + fraction.ljust(PLACES, "0"))
    return -units if text.startswith("-") else units


def nanoseconds(text: str) -> int:
    """Return a time, a whole number of nanoseconds or ISO 8601 in UTC, in nanoseconds since 1970."""
    if text.isdecimal():
        return int(text)
    match = _TIME.fullmatch(text)
    if not match:
        raise ValueError(text)
    moment = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    return int(moment.timestamp()) * NANOSECONDS_PER_SECOND + int((match[2] or "").ljust(9, "0"))
