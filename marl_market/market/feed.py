"""The public messages of an exchange, in the JSON form of the Coinbase (formerly GDAX) Exchange feed.

A snapshot and the updates after it are the whole book by level; a match is one fill. Source: Coinbase Exchange API,
websocket channels level2 and matches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from marl_market.market.message import (
    SIDE_NAMES,
    MessageError,
    MessageFields,
    dump_object,
    format_amount,
    format_time,
    parse_amount,
    parse_object,
    parse_side,
    parse_size,
)
from marl_market.market.tape import Side


@dataclass(frozen=True)
class Trade:
    """One fill.

    Attributes:
        product_id: instrument, such as BTC-USD.
        time_ns: nanoseconds since 1970, UTC.
        sequence: number among the product's messages.
        trade_id: number of the fill.
        maker_order_id: the resting order.
        taker_order_id: the incoming order.
        side: of the maker.
        price: in quote currency.
        size: in base currency, above zero.
    """

    product_id: str
    time_ns: int
    sequence: int
    trade_id: int
    maker_order_id: str
    taker_order_id: str
    side: Side
    price: Decimal
    size: Decimal

    def to_json(self) -> str:
        """Return the `match` message, one line of JSON."""
        return dump_object(
            type="match",
            trade_id=self.trade_id,
            maker_order_id=self.maker_order_id,
            taker_order_id=self.taker_order_id,
            side=SIDE_NAMES[self.side],
            size=format_amount(self.size),
            price=format_amount(self.price),
            product_id=self.product_id,
            sequence=self.sequence,
            time=format_time(self.time_ns),
        )

    @classmethod
    def from_json(cls, text: str) -> Trade:
        """Return the trade in a `match` message; raises MessageError naming the field that does not fit."""
        fields = MessageFields(text, "match")
        return fields.all_read(
            cls(
                product_id=fields.text("product_id"),
                time_ns=fields.time("time"),
                sequence=fields.whole("sequence"),
                trade_id=fields.whole("trade_id"),
                maker_order_id=fields.text("maker_order_id"),
                taker_order_id=fields.text("taker_order_id"),
                side=fields.side("side"),
                price=fields.amount("price"),
                size=fields.amount("size", above_zero=True),
            )
        )


@dataclass(frozen=True)
class BookUpdate:
    """New total quantities of levels.

    Attributes:
        product_id: whose book.
        time_ns: when, in nanoseconds since 1970, UTC.
        changes: (side, price, all that rests there now, zero where the level is gone).
    """

    product_id: str
    time_ns: int
    changes: tuple[tuple[Side, Decimal, Decimal], ...]

    def to_json(self) -> str:
        """Return the `l2update` message, one line of JSON."""
        return dump_object(
            type="l2update",
            product_id=self.product_id,
            changes=[
                [SIDE_NAMES[side], format_amount(price), format_amount(size)] for side, price, size in self.changes
            ],
            time=format_time(self.time_ns),
        )

    @classmethod
    def from_json(cls, text: str) -> BookUpdate:
        """Return the update in an `l2update` message; raises MessageError naming the field that does not fit."""
        fields = MessageFields(text, "l2update")
        changes = tuple(
            (parse_side(f"{name}[0]", side), parse_amount(f"{name}[1]", price), parse_size(f"{name}[2]", size))
            for name, (side, price, size) in fields.rows("changes", 3, "[side, price, size]")
        )
        return fields.all_read(cls(fields.text("product_id"), fields.time("time"), changes))


@dataclass(frozen=True)
class BookSnapshot:
    """The whole book by level.

    Attributes:
        product_id: whose book.
        time_ns: when, in nanoseconds since 1970, UTC.
        bids: (price, size) of the levels of buyers, best first.
        asks: (price, size) of the levels of sellers, best first.
    """

    product_id: str
    time_ns: int
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]

    def to_json(self) -> str:
        """Return the `snapshot` message, one line of JSON."""
        return dump_object(
            type="snapshot",
            product_id=self.product_id,
            asks=[[format_amount(price), format_amount(size)] for price, size in self.asks],
            bids=[[format_amount(price), format_amount(size)] for price, size in self.bids],
            time=format_time(self.time_ns),
        )

    @classmethod
    def from_json(cls, text: str) -> BookSnapshot:
        """Return the book in a `snapshot` message; raises MessageError naming the field that does not fit."""
        fields = MessageFields(text, "snapshot")
        bids, asks = (
            tuple(
                (parse_amount(f"{name}[0]", price), parse_size(f"{name}[1]", size, above_zero=True))
                for name, (price, size) in fields.rows(side, 2, "[price, size]")
            )
            for side in ("bids", "asks")
        )
        return fields.all_read(cls(fields.text("product_id"), fields.time("time"), bids, asks))


Message = Trade | BookUpdate | BookSnapshot

PARSERS: dict[str, Callable[[str], Message]] = {
    "match": Trade.from_json,
    "l2update": BookUpdate.from_json,
    "snapshot": BookSnapshot.from_json,
}


def from_json(text: str) -> Message:
    """Return the message of any of the three types; raises MessageError naming the field that does not fit."""
    kind = parse_object(text).get("type")
    if not isinstance(kind, str) or kind not in PARSERS:
        raise MessageError(f"type is {kind!r}; it must be one of {', '.join(PARSERS)}")
    return PARSERS[kind](text)
