"""The frame of the readers of feeds that show levels and fills, one JSON message a line.

A reader of such a feed turns each line into events; everything else is here: which product, at which time, in which
order. Files in a row are one recording: the book of one goes on in the next, unless a minute or more lies between them.
A message without a time takes the receive time that stands in its line, and a snapshot without one the time of the
next update; a message with neither is left out. Times in the tape are nanoseconds since 1970, UTC.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from marl_market.calibration.readers.amounts import PLACES
from marl_market.calibration.readers.json_lines import Line, json_lines
from marl_market.calibration.readers.levels import Event, Kind, LevelReplay
from marl_market.calibration.readers.reader import Reader, Reading, name_of
from marl_market.calibration.readers.source import Source
from marl_market.calibration.readers.summary import Summary
from marl_market.calibration.readers.times import EARLIEST_NS, Clock, Row
from marl_market.market.units import NANOSECONDS_PER_SECOND

OTHER_PRODUCT = "messages of other products"
BEFORE_BOOK = "messages before the first of a book"
RECEIVED = "no time: receive time taken"
UNDATED = "no time, and no receive time in the line"
_BOOK = (Kind.SNAPSHOT, Kind.UPDATE)


@dataclass(frozen=True)
class LevelFeedReader(Reader):
    """Read one product of a feed of levels and fills; see `Reader` for the other attributes.

    Attributes:
        product: which product; None where only one has a book.
        tolerance_seconds: by how much a message may come after a later one and still be put in order.
    """

    product: str | None = None
    tolerance_seconds: float = 5.0

    price_places = PLACES
    size_places = PLACES
    tells_orders = False
    numbers_updates: ClassVar[bool] = False
    """Whether the feed's own numbers show that an update of the book was lost."""

    @abstractmethod
    def events(self, line: Line) -> Iterator[Event]:
        """Yield what a line says; raises DataError where the format does not allow it."""

    @abstractmethod
    def currency_of(self, product: str) -> str:
        """Return the currency of a product's prices; raises ValueError where it is unknown."""

    def watched(self, lines: Iterator[Line], summary: Summary) -> Iterator[Line]:
        """Yield the lines of a file, taking note of what the numbers of its messages show; here none."""
        return lines

    def synchronizer(self, summary: Summary) -> Synchronizer:
        """Return what follows the feed's numbers of updates; by default it has none."""
        return Synchronizer()

    def take(self, source: Source, reading: Reading) -> None:
        """Record the messages of the product in one file."""
        self._take([source], reading)

    def take_all(self, reading: Reading) -> None:
        """Record the messages of the product in all files, as one recording."""
        self._take(reading.sources, reading)

    def _take(self, sources: Sequence[Source], reading: Reading) -> None:
        summary = reading.summary
        products, dates = Products(self.product, summary), Dates(summary)
        synchronizer, replay = self.synchronizer(summary), LevelReplay(reading)
        clock = Clock(tolerance_ns=round(self.tolerance_seconds * NANOSECONDS_PER_SECOND))
        for source in sources:
            lines = json_lines(source)
            events = products.chosen(event for line in self.watched(lines, summary) for event in self.events(line))
            rows = dates.rows(synchronizer.follow(events))
            replay.begin_file(self.numbers_updates)
            replay.take((row.time_ns, row.message) for row in clock.in_order(rows, source, summary))
        synchronizer.end()
        name = name_of(sources)
        product = products.only(name)
        if not replay.has_begun:
            expected = f"a snapshot of {product}; where the file before holds it, give both files"
            raise sources[0].error(1, "no snapshot", expected)
        reading.currency = self.currency_of(product)


class Synchronizer:
    """Follows the numbers of the updates of one product; this one lets all events pass."""

    def follow(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events of a file, with a LOSS where an update is missing."""
        yield from events

    def end(self) -> None:
        """Count what is left after the last file."""


class Products:
    """The products of a recording, of which one is chosen: the given one, or the only one that has a book."""

    def __init__(self, product: str | None, summary: Summary) -> None:
        self._given, self._summary = product, summary
        self._named: set[str] = set()
        self._with_book: list[str] = []
        self._anonymous: Line | None = None

    def chosen(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events of the chosen product, and those that concern all."""
        for event in events:
            self._summary.rows += 1
            if event.product:
                self._named.add(event.product)
                if event.kind in _BOOK and event.product not in self._with_book:
                    self._with_book.append(event.product)
            elif event.kind == Kind.SNAPSHOT:
                self._anonymous = event.line
            if event.kind == Kind.OTHER:
                self._summary.pass_over(event.name, event.line.source, event.line.number)
            elif event.product in ("", self._choice()):
                yield event
            else:
                reason = OTHER_PRODUCT if self._with_book else BEFORE_BOOK
                self._summary.pass_over(reason, event.line.source, event.line.number)

    def only(self, name: str) -> str:
        """Return the chosen product; raises ValueError where it is not in the files, or must be named."""
        names = ", ".join(sorted(self._with_book if len(self._with_book) > 1 else self._named)) or "no product"
        if self._given is not None and self._given not in self._named:
            raise ValueError(f"product is {self._given}; {name} holds {names}")
        if self._anonymous and len(self._with_book) > 1:
            source, number, *_ = self._anonymous
            raise source.error(number, "a snapshot that names no product", f"one product in the files, not {names}")
        product = self._choice() or (next(iter(self._named)) if len(self._named) == 1 else "")
        if not product:
            raise ValueError(f"product is None; {name} holds {names}: name one")
        return product

    def _choice(self) -> str:
        return self._given or (self._with_book[0] if len(self._with_book) == 1 else "")


class Dates:
    """Gives every event its time."""

    def __init__(self, summary: Summary) -> None:
        self._summary = summary
        self._undated: Event | None = None

    def rows(self, events: Iterable[Event]) -> Iterator[Row[Event]]:
        """Yield the events with their times; a snapshot without a time waits for the next update's."""
        for event in events:
            source, number, received_ns, _ = event.line
            time_ns = event.time_ns
            if event.kind == Kind.SNAPSHOT and (time_ns is None or time_ns < EARLIEST_NS):
                self._undated = event
                continue
            if time_ns is None and received_ns is not None:
                time_ns = received_ns
                if event.kind in (Kind.TRADE, Kind.UPDATE):
                    self._summary.repair(RECEIVED, source, number)
            if time_ns is None:
                self._summary.leave_out(UNDATED, source, number)
                continue
            if self._undated and event.kind == Kind.UPDATE and time_ns >= EARLIEST_NS:
                yield _row(time_ns, self._undated)
                self._undated = None
            yield _row(time_ns, event)


def _row(time_ns: int, event: Event) -> Row[Event]:
    return Row(time_ns, event.line.number, event, event.kind)
