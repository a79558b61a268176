"""The public feed of a market as messages: each fill, and each level whose quantity has changed.

Why levels are compared and not added up from events: the messages then agree with the book itself, whatever kind of
order changed it.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.codes import EventKind
from marl_market.exchange.command_stream import read_levels
from marl_market.market.feed import BookSnapshot, BookUpdate, Message, Trade
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import Side
from marl_market.market.units import decimal


def fill_pairs(events: NDArray[np.void]) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Return the events of each fill's maker and of its taker, in order.

    In a call auction, which has no taker, the order that has rested longer counts as the maker.
    """
    fills = events[events["kind"] == EventKind.FILLED].reshape(-1, 2)  # the two sides of a fill follow each other
    return fills[:, 0], fills[:, 1]


class FeedPublisher:
    """The messages of one market: a snapshot first, then updates on each call."""

    def __init__(
        self, spec: MarketSpec, markets: NDArray[np.void], number: int = 0, product_id: str | None = None
    ) -> None:
        """Publish market `number` of `markets` as `product_id`, name and currency of the spec where that is None."""
        self.product_id = product_id or f"{spec.name}-{spec.currency}"
        self._tick, self._lot = decimal(spec.tick_size), decimal(spec.lot_size)
        self._markets = markets
        self._number = number
        self._sequence = 0
        self._levels: tuple[dict[int, int], ...] = ({}, {})

    def snapshot(self) -> BookSnapshot:
        """Return the whole book; later updates count from it."""
        self._levels = self._read_levels()
        bids, asks = (
            tuple((self._tick * price, self._lot * quantity) for price, quantity in side.items())
            for side in self._levels
        )
        return BookSnapshot(self.product_id, self._time_ns(), bids, asks)

    def publish(self, events: NDArray[np.void]) -> list[Message]:
        """Return the fills among `events` and, where a level has changed since the last call, one update."""
        messages: list[Message] = list(self._trades(events))
        before, self._levels = self._levels, self._read_levels()
        changes: list[tuple[Side, Decimal, Decimal]] = []
        for side, old, new in zip((Side.BUY, Side.SELL), before, self._levels, strict=True):
            gone = [(price, 0) for price in old if price not in new]
            moved = [(price, quantity) for price, quantity in new.items() if old.get(price) != quantity]
            changes += [(side, self._tick * price, self._lot * quantity) for price, quantity in gone + moved]
        if changes:
            messages.append(BookUpdate(self.product_id, self._time_ns(), tuple(changes)))
        return messages

    def _trades(self, events: NDArray[np.void]) -> list[Trade]:
        trades = []
        for maker, taker in zip(*fill_pairs(events), strict=True):
            self._sequence += 1
            trades.append(
                Trade(
                    product_id=self.product_id,
                    time_ns=int(taker["time_ns"]),
                    sequence=self._sequence,
                    trade_id=int(taker["trade_id"]),
                    maker_order_id=str(maker["order_id"]),
                    taker_order_id=str(taker["order_id"]),
                    side=Side(int(maker["side"])),
                    price=self._tick * int(taker["price_ticks"]),
                    size=self._lot * int(taker["quantity_lots"]),
                )
            )
        return trades

    def _time_ns(self) -> int:
        return int(self._markets["time_ns"][self._number])

    def _read_levels(self) -> tuple[dict[int, int], ...]:
        """Return quantity by price in lots and ticks, best first, of bids and asks."""
        sides = (read_levels(self._markets, self._number, index) for index in (0, 1))
        return tuple(
            dict(zip(side["price_ticks"].tolist(), side["quantity_lots"].tolist(), strict=True)) for side in sides
        )
