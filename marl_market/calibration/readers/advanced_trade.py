"""Reads recordings of Coinbase Advanced Trade, today's public feed of Coinbase, one JSON message a line.

Also reads what cryptofeed records of it, with `<epoch>: ` before each message. A message holds `channel`, `timestamp`,
`sequence_num` and `events`. Used channels: `l2_data` (snapshot and update; `new_quantity` is the level's, 0 removes
it), `market_trades` (`side` is the maker's) and `heartbeats`. Other channels are passed over, and so is the snapshot of
`market_trades`, which repeats what was traded before the subscription. Source: Coinbase Advanced Trade API, websocket
channels; times of levels (`event_time`) do not rise from message to message there, so an update has that of its
message.

Messages of all channels of a connection are numbered together. Missing numbers are counted, not taken for a loss of the
book: a recorder that leaves channels out leaves their numbers out. Inference and repairs: see `levels`, `level_feed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from marl_market.calibration.readers.amounts import units
from marl_market.calibration.readers.coinbase import fill_number, quote_currency
from marl_market.calibration.readers.json_lines import Line, utc_nanoseconds
from marl_market.calibration.readers.level_feed import LevelFeedReader
from marl_market.calibration.readers.levels import Change, Event, Kind
from marl_market.calibration.readers.source import Head
from marl_market.calibration.readers.summary import Summary
from marl_market.market.fees import Fees
from marl_market.market.tape import Side

ADVANCED_TRADE_FEES = Fees(taker_rate=0.0040, maker_rate=0.0025)
"""Order of magnitude of the tier above 10,000 USD in 30 days, fractions of the notional: replace it by yours."""

_LEVEL_SIDES = {"bid": Side.BUY, "offer": Side.SELL, "ask": Side.SELL}
_MAKER_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_EXPECTED = {
    "l2_data": "events of type snapshot or update with product_id and updates of side (bid, offer), price_level and "
    "new_quantity, decimals of at most 12 places, and a UTC timestamp if any",
    "market_trades": "events of type snapshot or update with trades of trade_id, product_id, price, size, side (BUY, "
    "SELL) and a UTC time if any",
    "heartbeats": "a UTC timestamp if any",
}


@dataclass(frozen=True)
class AdvancedTradeReader(LevelFeedReader):
    """Read one product, such as BTC-USD, of Advanced Trade; see `LevelFeedReader` for the attributes."""

    fees: Fees = ADVANCED_TRADE_FEES

    format = "advanced_trade"

    @staticmethod
    def recognizes(head: Head) -> bool:
        """Return whether one of the first lines is a message of a channel with events."""
        return any('"channel"' in line and '"events"' in line for line in head.lines if "://" not in line[:9])

    def events(self, line: Line) -> Iterator[Event]:
        """Yield the events of a message, one a fill."""
        message = line.message
        channel = message.get("channel", message.get("type"))
        if not isinstance(channel, str):
            raise line.source.error(line.number, str(message), 'a JSON object with a "channel" and "events"')
        if channel not in _EXPECTED:
            yield Event(Kind.OTHER, line, name=f"{channel} messages")
            return
        try:
            yield from _EVENTS[channel](line)
        except (KeyError, TypeError, ValueError) as error:
            found = f"{channel} with {type(error).__name__}: {error}"
            raise line.source.error(line.number, found, _EXPECTED[channel]) from None

    def watched(self, lines: Iterator[Line], summary: Summary) -> Iterator[Line]:
        """Yield the lines; count the numbers that are missing between the messages of a connection."""
        newest = None
        for line in lines:
            number = line.message.get("sequence_num")
            if number is not None and str(number).isdecimal():
                if newest is not None and int(number) > newest + 1:
                    summary.note("sequence numbers missing", int(number) - newest - 1)
                newest = int(number)
            yield line

    def currency_of(self, product: str) -> str:
        """Return the last part of the product's name."""
        return quote_currency(product)


def _level_events(line: Line) -> Iterator[Event]:
    for event in line.message["events"]:
        kind = {"snapshot": Kind.SNAPSHOT, "update": Kind.UPDATE}[event["type"]]
        changes = tuple(
            _change(_LEVEL_SIDES[level["side"]], level["price_level"], level["new_quantity"])
            for level in event["updates"] or ()
        )
        yield Event(kind, line, _product(event), _time(line.message, "timestamp"), changes)


def _trade_events(line: Line) -> Iterator[Event]:
    for event in line.message["events"]:
        fills = [_fill(line, trade) for trade in event["trades"] or ()]
        if event["type"] == "snapshot":
            yield Event(Kind.OTHER, line, name="fills from before the subscription")
        else:
            # A message may name its newest fill first.
            yield from sorted(fills, key=lambda fill: (fill.time_ns or 0, fill.trade_id or 0))


def _fill(line: Line, trade: dict[str, Any]) -> Event:
    change = _change(_MAKER_SIDES[trade["side"]], trade["price"], trade["size"])
    if not change.quantity:
        raise ValueError("size 0")
    return Event(Kind.TRADE, line, _product(trade), _time(trade, "time"), (change,), fill_number(trade))


def _heartbeat(line: Line) -> Iterator[Event]:
    yield Event(Kind.HEARTBEAT, line, time_ns=_time(line.message, "timestamp"))


_EVENTS = {"l2_data": _level_events, "market_trades": _trade_events, "heartbeats": _heartbeat}


def _product(item: dict[str, Any]) -> str:
    product = item["product_id"]
    if not isinstance(product, str) or not product:
        raise ValueError(f"product_id {product}")
    return product


def _time(item: dict[str, Any], name: str) -> int | None:
    return utc_nanoseconds(item[name]) if item.get(name) else None


def _change(side: Side, price: object, quantity: object) -> Change:
    change = Change(side, units(price), units(quantity))
    if not change.price:
        raise ValueError("price 0")
    return change
