"""Reads one stock of a Nasdaq TotalView-ITCH 5.0 file: binary messages, each after its length, plain or compressed.

The book follows the displayed orders: A and F add one, E and C execute it, X and D cancel a part or all of it, and U
replaces it, which loses its place in the queue: a cancel and a new limit order. The aggressor of an execution is on the
other side of the order. P is the execution of a hidden order: its aggressor bought above the mid of the quotes and sold
below it (the message itself has said B for all of them since July 2014), and is unknown at the mid or without quotes.
Q is the total of a cross: a trade of side 0, no market order; the orders that it executed (C, not printable) leave the
book without another trade.

Of a file with system events only the market hours (Q to M) are continuous trading, unless `extended_hours`; what comes
before only fills the book. A halt, from a trading action (H, or h for Nasdaq alone) that is not trading to one that is,
is a gap without orders and quotes, and so is a crossed book. Messages about orders that the file never added, of a
file cut out of a day, are left out. Broken trades (B) are counted and stay.

Memory grows with the resting orders of the one stock and with the recorded rows, not with the file. Times in the tape
are nanoseconds after midnight, New York, of the first file's day; the day stands in the file's name (MMDDYYYY, YYYYMMDD
or YYYY-MM-DD), or else each file is the next day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from marl_market.calibration.readers.itch_book import Replay
from marl_market.calibration.readers.itch_messages import LENGTHS, invalid, split, stock_of, time_of
from marl_market.calibration.readers.reader import Reader, Reading
from marl_market.calibration.readers.source import Head, Source
from marl_market.calibration.readers.times import DAY_NS, Clock, Row, iso
from marl_market.market.fees import Fees
from marl_market.market.units import NANOSECONDS_PER_SECOND
from marl_market.market.validation import did_you_mean

NASDAQ_FEES = Fees(taker_per_unit=0.0030, maker_per_unit=-0.0020)
"""Order of magnitude of Nasdaq's schedule, dollars per share, no volume tiers: replace it by your own tier."""

SIDED = (b"A", b"F", b"P")
NAMED = 20
"""Stocks that an error names."""

DATES = (
    (re.compile(r"(?<!\d)(\d{4}-\d\d-\d\d)(?!\d)"), "%Y-%m-%d"),
    (re.compile(r"(?<!\d)((?:19|20)\d{6})(?!\d)"), "%Y%m%d"),
    (re.compile(r"(?<!\d)(\d{8})(?!\d)"), "%m%d%Y"),
)


@dataclass(frozen=True)
class ItchReader(Reader):
    """Read one stock of Nasdaq TotalView-ITCH 5.0 files; see `Reader` for the other attributes.

    Attributes:
        stock: its symbol, such as AAPL; None where the file has orders of only one.
        extended_hours: whether the time before and after the market hours is continuous trading too.
    """

    fees: Fees = NASDAQ_FEES
    stock: str | None = None
    extended_hours: bool = False

    format = "itch"
    price_places = 4
    size_places = 0

    @staticmethod
    def recognizes(head: Head) -> bool:
        """Return whether the file begins with a message of the length of its type."""
        length, kind = int.from_bytes(head.data[:2]), head.data[2:3]
        return kind in LENGTHS and LENGTHS[kind] == length

    def take(self, source: Source, reading: Reading) -> None:
        """Record the messages of one file; raises ValueError where the stock is missing, or not the only one."""
        reading.currency = "USD"
        reading.instrument = stock = self.stock or reading.instrument or _only_stock(source)
        chosen = Selection(source, stock)
        replay = Replay(source, reading, self.extended_hours)
        with source.binary() as stream:
            midnight = _midnight(source, reading)
            clock = Clock(midnight, midnight + DAY_NS, bounds="outside of the day")
            for row in clock.in_order(chosen.rows(split(stream, source.path.name), midnight), source, reading.summary):
                replay.read(row)
        replay.end()
        if not chosen.used:
            names = _stocks(source)
            hint = did_you_mean(stock, names) or f"it names {_listed(names)}"
            raise ValueError(f"stock is {stock}; {source.path.name} has no message of it: {hint}")
        reading.summary.rows += chosen.used
        reading.summary.note("messages of other stocks and of the market", chosen.others)

    def time_text(self, time_ns: int, reading: Reading) -> str:
        """Return a time with the date in the name of the first file, if any."""
        origin = reading.recorder.window.origin_ns
        text = iso(origin + time_ns).removesuffix("+00:00")
        return text if origin else text.partition("T")[2]


class Selection:
    """The messages of one stock in a file, and the system events.

    Attributes:
        used: messages of the stock.
        others: messages that are not.
    """

    def __init__(self, source: Source, stock: str) -> None:
        self._name = source.path.name
        self._stock = stock.encode("latin-1", "replace").ljust(8)
        self.used = self.others = 0

    def rows(self, messages: Iterable[tuple[int, bytes]], midnight_ns: int) -> Iterator[Row[bytes]]:
        """Yield the messages, numbered, at their times after `midnight_ns`."""
        locate = b""
        for number, (offset, message) in enumerate(messages, start=1):
            if message[1:3] != locate:
                if stock_of(message) == self._stock:
                    locate = message[1:3]
                elif message[:1] != b"S":
                    self.others += 1
                    continue
            self.used += message[1:3] == locate
            if message[:1] in SIDED and message[19:20] not in (b"B", b"S"):
                raise invalid(self._name, offset, f"the side {message[19:20]!r}", "B or S")
            yield Row(midnight_ns + time_of(message), number, message)


def _only_stock(source: Source) -> str:
    names = _stocks(source)
    if len(names) != 1:
        raise ValueError(f"stock is None; {source.path.name} has orders of {_listed(names)}: name one")
    return names[0]


def _stocks(source: Source) -> list[str]:
    """Return the stocks that the file has orders of."""
    with source.binary() as stream:
        named = {stock_of(message) for _, message in split(stream, source.path.name) if message[:1] in b"AF"}
    return sorted(name.decode("latin-1").rstrip() for name in named if name)


def _listed(names: list[str]) -> str:
    listed = ", ".join(names[:NAMED]) or "no stock"
    return listed if len(names) <= NAMED else f"{listed} and {len(names) - NAMED} more"


def _midnight(source: Source, reading: Reading) -> int:
    """Return the midnight of the file's day, in nanoseconds after that of the first file."""
    window, date_ns = reading.recorder.window, _date_ns(source.path.name)
    if source == reading.sources[0]:
        window.origin_ns = date_ns
    if not date_ns or not window.origin_ns:
        return reading.sources.index(source) * DAY_NS
    return date_ns - window.origin_ns


def _date_ns(name: str) -> int:
    """Return the date in a file's name in nanoseconds since 1970, 0 where it has none."""
    for pattern, form in DATES:
        for match in pattern.finditer(name):
            with suppress(ValueError):
                moment = datetime.strptime(match[1], form).replace(tzinfo=UTC)
                return int(moment.timestamp()) * NANOSECONDS_PER_SECOND
    return 0
