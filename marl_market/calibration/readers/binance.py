"""What the readers of Binance's feeds have in common: messages, and the numbers that tie updates to a snapshot.

A line is a message of a combined stream, `{"stream": ..., "data": {...}}`, or its data alone, after the local time at
which it was received (micro- or nanoseconds; cryptofeed's `<epoch>: ` too). Used: `depthUpdate` (new absolute
quantities of levels), `trade` or else `aggTrade` (whichever comes first; `m` says that the buyer was the maker, so the
aggressor sold), and the REST snapshot of the book (`lastUpdateId`, no stream), which comes between them. `bookTicker`
repeats the best of the book and is passed over, as all else is. Fills that were not made in the book (`X` other than
MARKET: insurance fund, auto-deleveraging) are passed over. Times are the venue's own (`T`, else `E`), in milli- or
microseconds; local times stand in where they are missing.

Updates are kept until a snapshot comes. Those from before it are dropped, and the rest is applied if no update in
between is missing; so it goes on. After a missing update the book is unknown until the next snapshot; snapshots that
come while it is known are passed over. A snapshot holds the best levels only (1,000 a side, say): a level beyond them
that is shown for the first time is no order. Inference and repairs: see `levels`, `level_feed`.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from marl_market.calibration.readers.amounts import units
from marl_market.calibration.readers.json_lines import Line, epoch_nanoseconds
from marl_market.calibration.readers.level_feed import LevelFeedReader, Synchronizer
from marl_market.calibration.readers.levels import Change, Event, Kind
from marl_market.calibration.readers.source import Head
from marl_market.calibration.readers.summary import Summary
from marl_market.market.tape import Side

QUOTE_CURRENCIES = (
    *("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "BIDR", "BVND", "USD"),
    *("BTC", "ETH", "BNB", "EUR", "GBP", "TRY", "BRL", "AUD", "RUB", "UAH", "JPY", "DAI", "TRX", "XRP", "DOGE"),
)
"""Quote currencies of symbols, such as USDT in BTCUSDT."""

WAITING = 10_000
"""Updates kept for a snapshot to come."""

_MESSAGE = re.compile(r'"stream": *"[^"]*@|"e": *"(depthUpdate|trade|aggTrade)"|"lastUpdateId"')
_FUTURES = re.compile(r'"pu": *\d|"e": *"(bookTicker|markPriceUpdate)"|"X": *"')
_DECIMALS = "decimals of at most 12 places"
_EXPECTED = {
    "depthUpdate": f"s, U, u, b and a of [price, quantity], {_DECIMALS}, and an epoch T or E if any",
    "trade": f"s, t, p and q, {_DECIMALS}, m, and an epoch T or E if any",
    "aggTrade": f"s, a, p and q, {_DECIMALS}, m, and an epoch T or E if any",
    "snapshot": f"lastUpdateId, bids and asks of [price, quantity], {_DECIMALS}, and an epoch T or E if any",
}


@dataclass(frozen=True)
class BinanceReader(LevelFeedReader):
    """Read one symbol of a Binance feed; see `LevelFeedReader` for the other attributes.

    Attributes:
        currency: of the prices; None to read it from the symbol's end.
    """

    currency: str | None = None

    numbers_updates = True

    def events(self, line: Line) -> Iterator[Event]:
        """Yield the one event of a message."""
        stream = line.message.get("stream")
        data = line.message if stream is None else line.message.get("data")
        if not isinstance(data, dict):
            raise line.source.error(line.number, str(line.message), 'a JSON object with "stream" and "data"')
        name = str(data.get("e", "snapshot" if stream is None and "lastUpdateId" in data else ""))
        if name not in _EXPECTED:
            yield _other(line, name or str(stream or "").partition("@")[2], data)
            return
        try:
            yield _event(name, line, data)
        except (KeyError, TypeError, ValueError) as error:
            found = f"{name} with {type(error).__name__}: {error}"
            raise line.source.error(line.number, found, _EXPECTED[name]) from None

    def currency_of(self, product: str) -> str:
        """Return the given currency, or that at the end of the symbol; raises ValueError where it is unknown."""
        symbol = product.partition("_")[0]
        known = next((each for each in QUOTE_CURRENCIES if symbol.endswith(each) and symbol != each), None)
        if self.currency is None and known is None:
            raise ValueError(f"currency is None; the quote currency of {product} is not known: name it")
        return self.currency or str(known)


def is_binance(head: Head) -> bool:
    """Return whether one of the first lines is a message of a Binance feed."""
    return any(_MESSAGE.search(line) for line in head.lines)


def is_futures(head: Head) -> bool:
    """Return whether one of the first lines holds what only messages of futures hold."""
    return any(_FUTURES.search(line) for line in head.lines)


class UpdateNumbers(Synchronizer):
    """Ties the updates of one symbol to a snapshot by their numbers.

    Numbers of an update are its first and its last, and the last of the update before or 0.
    """

    def __init__(self, summary: Summary) -> None:
        self._summary = summary
        self._fills = ""
        self._snapshot: Event | None = None
        self._waiting: deque[Event] = deque()
        self._newest: Event | None = None

    @abstractmethod
    def is_before(self, update: Event, snapshot_number: int) -> bool:
        """Return whether the snapshot holds all of the update."""

    @abstractmethod
    def starts(self, update: Event, snapshot_number: int) -> bool:
        """Return whether no update is missing between the snapshot and this update, which it does not hold."""

    @abstractmethod
    def follows(self, update: Event, number: int) -> bool:
        """Return whether the number is that of the update just before this one."""

    def follow(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events of a file, a snapshot just before the first update that it does not hold."""
        for event in events:
            if event.kind == Kind.SNAPSHOT:
                yield from self._take_snapshot(event)
            elif event.kind == Kind.UPDATE:
                yield from self._take_update(event)
            elif event.kind != Kind.TRADE or event.name == (self._fills or event.name):
                self._fills = event.name if event.kind == Kind.TRADE else self._fills
                yield event
            else:
                self._pass_over(f"{event.name} messages, beside {self._fills} messages", event)

    def end(self) -> None:
        """Count the updates for which no snapshot came."""
        for update in self._waiting:
            self._leave_out("updates without a snapshot", update)

    def _take_snapshot(self, event: Event) -> Iterator[Event]:
        if self._newest:
            self._pass_over("snapshots while the book is known", event)
            return
        if self._snapshot:
            self._pass_over("snapshots before another one", self._snapshot)
        self._snapshot = event
        yield from self._start()

    def _take_update(self, event: Event) -> Iterator[Event]:
        if self._newest is None:
            self._wait(event)
            yield from self._start()
        elif event.numbers[1] <= self._newest.numbers[1]:
            self._leave_out("update whose number was seen before", event)
        elif self.follows(event, self._newest.numbers[1]):
            yield self._apply(event)
        else:
            yield self._newest._replace(kind=Kind.LOSS, line=event.line, changes=(), name="lost updates")
            self._newest = None
            self._wait(event)

    def _wait(self, event: Event) -> None:
        if len(self._waiting) == WAITING:
            self._leave_out("updates without a snapshot", self._waiting.popleft())
        self._waiting.append(event)

    def _start(self) -> Iterator[Event]:
        """Yield the snapshot and what waited for it, if they meet."""
        if not self._snapshot:
            return
        (number,) = self._snapshot.numbers
        while self._waiting and self.is_before(self._waiting[0], number):
            self._pass_over("updates from before the snapshot", self._waiting.popleft())
        if not self._waiting:
            return
        snapshot, self._snapshot = self._snapshot, None
        first = self._waiting[0]
        if not self.starts(first, number):
            self._leave_out("snapshot from before the first update", snapshot)
            return
        times = [time_ns for time_ns in (snapshot.time_ns, first.time_ns) if time_ns is not None]
        yield snapshot._replace(product=first.product, time_ns=min(times, default=None))
        while self._waiting:
            yield self._apply(self._waiting.popleft())

    def _apply(self, event: Event) -> Event:
        self._newest = event
        return event

    def _pass_over(self, reason: str, event: Event) -> None:
        self._summary.pass_over(reason, event.line.source, event.line.number)

    def _leave_out(self, reason: str, event: Event) -> None:
        self._summary.leave_out(reason, event.line.source, event.line.number, str(event.numbers))


def _other(line: Line, name: str, data: dict[str, Any]) -> Event:
    if not name and not {"result", "id", "error"} & data.keys():
        expected = "a message with an event type e, or a snapshot with lastUpdateId"
        raise line.source.error(line.number, str(line.message), expected)
    return Event(Kind.OTHER, line, str(data.get("s", "")), name=f"{name or 'other'} messages")


def _event(name: str, line: Line, data: dict[str, Any]) -> Event:
    moment = data.get("T", data.get("E"))
    time_ns = None if moment is None else epoch_nanoseconds(str(moment))
    if name == "snapshot":
        levels = (*_levels(Side.BUY, data["bids"]), *_levels(Side.SELL, data["asks"]))
        number = int(data["lastUpdateId"])
        return Event(Kind.SNAPSHOT, line, "", time_ns, levels, numbers=(number,), partial=True)
    product = str(data["s"])
    if name == "depthUpdate":
        numbers = int(data["U"]), int(data["u"]), int(data.get("pu", 0))
        levels = (*_levels(Side.BUY, data["b"]), *_levels(Side.SELL, data["a"]))
        return Event(Kind.UPDATE, line, product, time_ns, levels, numbers=numbers)
    trade_id = int(data["t" if name == "trade" else "a"])
    origin = data.get("X", "MARKET")
    if origin != "MARKET":
        return Event(Kind.TRADE, line, product, time_ns, trade_id=trade_id, name=name)
    if not isinstance(data["m"], bool):
        raise ValueError(f"m {data['m']}")
    fill = Change(Side.BUY if data["m"] else Side.SELL, units(data["p"]), units(data["q"]))
    if not fill.price or not fill.quantity:
        raise ValueError(f"p {data['p']}, q {data['q']}")
    return Event(Kind.TRADE, line, product, time_ns, (fill,), trade_id, name=name)


def _levels(side: Side, levels: list[list[object]]) -> Iterator[Change]:
    for price, quantity, *_ in levels:
        yield Change(side, units(price), units(quantity))
