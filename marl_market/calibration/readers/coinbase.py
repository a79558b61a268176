"""Reads recordings of the Coinbase (formerly GDAX) Exchange feed, one JSON message a line.

Also reads what cryptofeed recorded of it, with `<epoch>: ` before each message. Used messages: `snapshot` (the whole
book), `l2update` (new absolute quantities of levels), `match` (a fill; its `side` is the maker's) and `heartbeat` (the
feed is alive). Other types, and the `last_match` sent on subscribing, are passed over. Source: Coinbase Exchange API,
websocket channels level2, matches and heartbeat.

Which order flow is inferred, and what is repaired: see `levels`. Which time a message has: see `level_feed`. Snapshots
had no time until 2021; dates before 1990, such as a writer's zero date, count as none in a snapshot and are left out
elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from marl_market.calibration.readers.amounts import units
from marl_market.calibration.readers.json_lines import Line, utc_nanoseconds
from marl_market.calibration.readers.level_feed import LevelFeedReader
from marl_market.calibration.readers.levels import Change, Event, Kind
from marl_market.calibration.readers.source import Head
from marl_market.market.fees import Fees
from marl_market.market.tape import Side

GDAX_FEES = Fees(taker_rate=0.0030, maker_rate=0.0)
"""GDAX's 2018 schedule for the smallest tier, fractions of the notional: replace it by your own tier."""

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_DECIMALS = "decimals of at most 12 places"
_KINDS = {
    "snapshot": (Kind.SNAPSHOT, f"bids and asks of [price, size], {_DECIMALS}, and a UTC time if any"),
    "match": (Kind.TRADE, f"side buy or sell, price and size, {_DECIMALS}, and a UTC time if any"),
    "l2update": (Kind.UPDATE, f"changes of [side, price, size], {_DECIMALS}, and a UTC time if any"),
    "heartbeat": (Kind.HEARTBEAT, "a UTC time if any"),
}


@dataclass(frozen=True)
class CoinbaseReader(LevelFeedReader):
    """Read one product, such as BTC-USD, of the Exchange feed; see `LevelFeedReader` for the attributes."""

    fees: Fees = GDAX_FEES

    format = "coinbase"

    @staticmethod
    def recognizes(head: Head) -> bool:
        """Return whether one of the first lines is a message with a type."""
        return any('"type"' in line and '"events"' not in line for line in head.lines if "://" not in line[:9])

    def events(self, line: Line) -> Iterator[Event]:
        """Yield the one event of a message."""
        name, product = line.message.get("type"), line.message.get("product_id", "")
        if not isinstance(name, str) or not isinstance(product, str):
            raise line.source.error(line.number, str(line.message), 'a JSON object with a "type" and a "product_id"')
        if name not in _KINDS:
            yield Event(Kind.OTHER, line, product, name=f"{name} messages")
            return
        kind, expected = _KINDS[name]
        try:
            yield _event(kind, line, product)
        except (KeyError, TypeError, ValueError) as error:
            found = f"{name} with {type(error).__name__}: {error}"
            raise line.source.error(line.number, found, expected) from None

    def currency_of(self, product: str) -> str:
        """Return the last part of the product's name; perpetuals of the International Exchange are in USDC."""
        return quote_currency(product)


def quote_currency(product: str) -> str:
    """Return the quote currency of a Coinbase product."""
    last = product.rpartition("-")[2]
    return {"INTX": "USDC", "CDE": "USD"}.get(last, last)


def _event(kind: Kind, line: Line, product: str) -> Event:
    message = line.message
    if not product:
        raise ValueError("no product_id")
    time_ns = utc_nanoseconds(message["time"]) if message.get("time") else None
    return Event(kind, line, product, time_ns, tuple(_changes(kind, message)), fill_number(message))


def fill_number(fill: dict[str, Any]) -> int | None:
    """Return the number of a fill, None where it has none that can be counted."""
    number = str(fill.get("trade_id"))
    return int(number) if number.isdecimal() and len(number) < 19 else None


def _changes(kind: Kind, message: dict[str, Any]) -> list[Change]:
    if kind == Kind.HEARTBEAT:
        return []
    if kind == Kind.SNAPSHOT:
        bids = [_change("buy", price, quantity) for price, quantity in message["bids"]]
        return bids + [_change("sell", price, quantity) for price, quantity in message["asks"]]
    if kind == Kind.UPDATE:
        return [_change(side, price, quantity) for side, price, quantity in message["changes"]]
    fill = _change(message["side"], message["price"], message["size"])
    if not fill.quantity:
        raise ValueError("size 0")
    return [fill]


def _change(side: str, price: object, quantity: object) -> Change:
    if side not in _SIDES:
        raise ValueError(f"side {side}")
    change = Change(_SIDES[side], units(price), units(quantity))
    if not change.price:
        raise ValueError("price 0")
    return change
