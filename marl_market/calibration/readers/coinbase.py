"""Reads recordings of the Coinbase (formerly GDAX) Exchange feed, one JSON message a line.

Also reads cryptofeed recordings, whose lines are `<epoch>: <json>` after connection-log lines that start with `wss://`.
Used messages: `snapshot` (the whole book), `l2update` (new absolute quantities of levels) and `match` (a fill; its
`side` is the maker's). All other types, other products and blank lines are passed over. Source: Coinbase Exchange
API, websocket channels level2 and matches.

The feed shows levels, not orders, so the order flow is inferred, level by level:

    new quantity - old quantity = limit orders - cancels - matches since the level's last update

and each level of an update becomes one limit order or one cancel of that net quantity: rates are lower bounds, the
lower the more the venue batches its updates. Updates of one time are one. Offsets count from the best quotes before it.

Messages are taken in the order of their own times (matches before the updates they cause); within its channel a time
may repeat but not fall. Matches older than the first snapshot, and the `last_match` sent on subscribing, are left out.
An update without an earlier snapshot, and an update that leaves the book crossed, raise. A later snapshot replaces
the book. Times in the tape are nanoseconds since 1970, UTC.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

from marl_market.calibration.readers.book_side import BookSide
from marl_market.calibration.readers.reader import Reader, Reading
from marl_market.calibration.readers.recorder import Recorder
from marl_market.calibration.readers.source import Head, Source
from marl_market.market.fees import Fees
from marl_market.market.tape import FlowKind, Side
from marl_market.market.units import NANOSECONDS_PER_SECOND

GDAX_FEES = Fees(taker_rate=0.0030, maker_rate=0.0)
"""GDAX's 2018 schedule for the smallest tier, fractions of the notional: replace it by your own tier."""

PLACES = 12
"""Decimal places that prices and quantities are read to, exactly."""

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_ORDER = {"snapshot": 0, "match": 1, "l2update": 2}
_EXPECTED = {
    "snapshot": "bids and asks of [price, size], decimals of at most 12 places in quotes, and a UTC time if any",
    "match": "side buy or sell, price and size, decimals of at most 12 places in quotes, and a UTC time",
    "l2update": "changes of [side, price, size], decimals of at most 12 places in quotes, and a UTC time",
}


class Change(NamedTuple):
    """One level of the book, or one fill against it, in units of 10^-PLACES."""

    side: Side
    price: int
    quantity: int


class Event(NamedTuple):
    """One used message; sorts by time, then snapshot before match before update."""

    time_ns: int
    order: int
    line: int
    changes: list[Change]


@dataclass(frozen=True)
class CoinbaseReader(Reader):
    """Read one product of a Coinbase feed recording; see `Reader` for the other attributes.

    Attributes:
        product: which product, such as BTC-USD; None where the file holds only one.
    """

    fees: Fees = GDAX_FEES
    product: str | None = None

    format = "coinbase"
    price_places = PLACES
    size_places = PLACES

    @staticmethod
    def recognizes(head: Head) -> bool:
        """Return whether one of the first lines is a message with a type, or a connection log."""
        return any(line.startswith("wss://") or '"type"' in line for line in head.lines)

    def take(self, source: Source, reading: Reading) -> None:
        """Record the messages of the product in one file; raises ValueError where `product` is not in it."""
        product, events = self._choose(source)
        reading.summary.rows += len(events)
        _replay(source, product, sorted(events), reading.recorder)
        for event in events:
            for change in event.changes:
                reading.prices.price(change.price, change.side, source, event.line)
                reading.sizes.size(change.quantity, source, event.line)
        reading.currency = product.rpartition("-")[2]

    def _choose(self, source: Source) -> tuple[str, list[Event]]:
        """Return the product and its events; without a product the file must hold only one."""
        events: dict[str, _Events] = {}
        for line, message in _messages(source):
            product = message.get("product_id")
            if isinstance(product, str):
                channel = events.setdefault(product, _Events(source))
                if product == (self.product or next(iter(events))):
                    channel.add(line, message)
        names = ", ".join(sorted(events)) or "no product"
        if self.product is None and len(events) != 1:
            raise ValueError(f"product is None; {source.path.name} holds {names}: name one")
        product = self.product or next(iter(events))
        if product not in events:
            raise ValueError(f"product is {product}; {source.path.name} holds {names}")
        return product, events[product].events


class _Events:
    """The used messages of one product, checked and in whole units."""

    def __init__(self, source: Source) -> None:
        self.events: list[Event] = []
        self._source = source
        self._newest = {"match": 0, "l2update": 0}
        self._undated: list[tuple[int, list[Change]]] = []

    def add(self, line: int, message: dict[str, Any]) -> None:
        """Take a message in; a snapshot without a time, as the feed sent them until 2021, gets the next update's."""
        kind = message["type"]
        if kind not in _EXPECTED:
            return
        try:
            changes = _changes(kind, message)
            undated = kind == "snapshot" and "time" not in message
            time_ns = 0 if undated else _nanoseconds(message["time"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            found = f"{kind} with {type(error).__name__}: {error}"
            raise self._source.error(line, found, _EXPECTED[kind]) from None
        if undated:
            self._undated.append((line, changes))
            return
        if time_ns < self._newest.get(kind, 0):
            raise self._source.error(line, message["time"], f"a time of at least {_iso(self._newest[kind])}")
        if kind != "snapshot":
            self._newest[kind] = time_ns
        if kind == "l2update":
            self.events += [Event(time_ns, _ORDER["snapshot"], number, levels) for number, levels in self._undated]
            self._undated.clear()
        self.events.append(Event(time_ns, _ORDER[kind], line, changes))


def _messages(source: Source) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in source.lines():
        text = line.strip()
        if not text or text.startswith("wss://"):
            continue
        if not text.startswith("{"):
            text = text.partition(": ")[2]
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise source.error(number, line, 'a JSON object with a "type", alone or after "<epoch>: "')
        yield number, message


def _replay(source: Source, product: str, events: list[Event], recorder: Recorder) -> None:
    book: dict[Side, BookSide] = {}
    # Matched quantity of a level that no update has reported yet.
    matched: dict[tuple[Side, int], int] = defaultdict(int)
    # Updates of one time are one: an aggressor's fills of one level come as several updates, then as several matches.
    for (time_ns, order), group in groupby(events, key=lambda event: event[:2]):
        recorder.see(time_ns)
        together = list(group)
        changes = [change for event in together for change in event.changes]
        line = together[-1].line
        if order == _ORDER["snapshot"]:
            book = {side: BookSide(side) for side in Side}
            matched.clear()
        elif not book:
            if order == _ORDER["l2update"]:
                raise source.error(line, "an l2update", f"a snapshot of {product} before it")
            continue
        if order == _ORDER["match"]:
            for side, price, quantity in changes:
                recorder.trade(time_ns, -side, price, quantity)
                matched[side, price] += quantity
            continue
        for (side, price), quantity in {(side, price): quantity for side, price, quantity in changes}.items():
            net = quantity - book[side].quantity(price) + matched.pop((side, price), 0)
            if net and order == _ORDER["l2update"]:
                recorder.order(time_ns, FlowKind.LIMIT if net > 0 else FlowKind.CANCEL, side, price, abs(net))
            book[side].put(price, quantity)
        _check_uncrossed(source, product, line, book)
        recorder.quote(time_ns, book[Side.BUY], book[Side.SELL])
    if not book:
        raise source.error(max((event.line for event in events), default=1), "no snapshot", f"a snapshot of {product}")


def _check_uncrossed(source: Source, product: str, line: int, book: dict[Side, BookSide]) -> None:
    (bid, bid_quantity), (ask, ask_quantity) = book[Side.BUY].best(), book[Side.SELL].best()
    if bid_quantity and ask_quantity and bid >= ask:
        best = f"best bid {bid / 10**PLACES} and best ask {ask / 10**PLACES} of {product}"
        raise source.error(line, best, "a best bid below the best ask")


def _changes(kind: str, message: dict[str, Any]) -> list[Change]:
    if kind == "snapshot":
        bids = [_change("buy", price, quantity) for price, quantity in message["bids"]]
        return bids + [_change("sell", price, quantity) for price, quantity in message["asks"]]
    if kind == "l2update":
        return [_change(side, price, quantity) for side, price, quantity in message["changes"]]
    fill = _change(message["side"], message["price"], message["size"])
    if not fill.quantity:
        raise ValueError("size 0")
    return [fill]


def _change(side: str, price: str, quantity: str) -> Change:
    if side not in _SIDES:
        raise ValueError(f"side {side}")
    change = Change(_SIDES[side], _units(price), _units(quantity))
    if not change.price:
        raise ValueError("price 0")
    return change


def _units(text: str) -> int:
    whole, _, fraction = text.partition(".")
    if len(fraction) > PLACES or not (whole + fraction).isdecimal():
        raise ValueError(f"amount {text}")
    return int(whole + fraction.ljust(PLACES, "0"))


def _nanoseconds(text: str) -> int:
    if not text.endswith("Z"):
        raise ValueError(f"time {text}")
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(seconds).replace(tzinfo=UTC)
    return int(moment.timestamp()) * NANOSECONDS_PER_SECOND + int(fraction.ljust(9, "0")[:9])


def _iso(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, NANOSECONDS_PER_SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000).isoformat()
