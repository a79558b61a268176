"""Reads order-level market data in Databento's schema `mbo`, as CSV or DBN, plain or compressed.

Actions: A adds an order, C cancels a part or all of one, M modifies one, R clears the book, T is an aggressor's trade,
F the fill of a resting order, N nothing. T and F leave the book as it is: the C or M rows behind them take the filled
quantity out of it, and only what they take beyond the fills is a cancel. A modification that keeps the price and
lowers the size is a partial cancel; any other loses its place in the queue: a cancel and a new limit order. Of a filled
order that shows new quantity (an iceberg), the new quantity is a limit order. Rows belong to one event up to the flag
F_LAST, or up to another time where a file has no such flags; quotes are those between events.

Rows flagged F_SNAPSHOT state the book and are no orders of the tape. A snapshot or a clearing within a file is a gap.
Trades without an aggressor (side N), such as those of a call auction, are trades of side 0 and no market orders. Where
the first trade is of an opening call auction (it and its fills have side N), the tape begins with it, and the rows
before it only fill the book. A crossed book is not continuously traded: a gap, unless an aggressor trades, which proves
that the orders ahead of its price are gone. Every file begins with an empty book.

Source: Databento, schema MBO, conventions on fields, flags and snapshots. Times in the tape are the venue's
(`ts_event`), nanoseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from marl_market.calibration.readers.databento_book import Replay
from marl_market.calibration.readers.databento_rows import PLACES, Message, is_csv, is_dbn, mbo_rows
from marl_market.calibration.readers.reader import Reader, Reading
from marl_market.calibration.readers.source import Head, Source
from marl_market.calibration.readers.times import Clock, Row
from marl_market.market.units import NANOSECONDS_PER_SECOND

TOLERANCE_NS = NANOSECONDS_PER_SECOND
"""Rows are in the order of their receipt, which is that of the book; by this much the venue's own times may fall."""

NAMED = 20
"""Instruments that an error names."""


@dataclass(frozen=True)
class DatabentoReader(Reader):
    """Read one instrument of Databento's schema mbo; see `Reader` for the other attributes.

    Attributes:
        instrument: its symbol, or its number where the file has no symbols; None where the file holds only one.
        currency: of the prices.
    """

    instrument: str | None = None
    currency: str = "USD"

    format = "databento"
    price_places = PLACES
    size_places = 0

    @staticmethod
    def recognizes(head: Head) -> bool:
        """Return whether the file begins with the header of an mbo CSV, or as DBN does."""
        return is_csv(head) or is_dbn(head)

    def take(self, source: Source, reading: Reading) -> None:
        """Record the rows of one file; raises ValueError where the instrument is missing, or not the only one."""
        reading.currency = self.currency
        chosen = self.instrument or reading.instrument
        if chosen is None:
            chosen = reading.instrument = _only_instrument(source)
        opens = _opens_with_auction(row.message for row in mbo_rows(source) if row.message.instrument == chosen)
        rows = _of_instrument(source, chosen, reading)
        in_order = Clock().in_order(rows, source, reading.summary)
        Replay(source, reading).read(in_order, before_opening=opens)


def _only_instrument(source: Source) -> str:
    names = _instruments(source)
    if len(names) != 1:
        raise ValueError(f"instrument is None; {source.path.name} holds {_listed(names)}: name one")
    return names[0]


def _of_instrument(source: Source, chosen: str, reading: Reading) -> Iterator[Row[Message]]:
    newest = 0
    for row in mbo_rows(source):
        reading.summary.rows += 1
        if row.message.instrument != chosen:
            reading.summary.pass_over("of other instruments", source, row.line)
            continue
        if newest - TOLERANCE_NS <= row.time_ns < newest:
            reading.summary.repair("time before that of the last row, taken as the same", source, row.line)
            row = row._replace(time_ns=newest)
        newest = row.time_ns
        yield row
    if not newest:
        raise ValueError(f"instrument is {chosen}; {source.path.name} holds {_listed(_instruments(source))}")


def _instruments(source: Source) -> list[str]:
    return sorted({row.message.instrument for row in mbo_rows(source)})


def _listed(names: list[str]) -> str:
    named = ", ".join(names[:NAMED]) or "no rows"
    return named if len(names) <= NAMED else f"{named} and {len(names) - NAMED} more"


def _opens_with_auction(messages: Iterator[Message]) -> bool:
    """Return whether the first trade, and its first fill, have no aggressor."""
    first = next((message for message in messages if message.action == "T"), None)
    if first is None or first.side is not None:
        return False
    behind = next(messages, None)
    return behind is not None and behind.action == "F" and behind.side is None
