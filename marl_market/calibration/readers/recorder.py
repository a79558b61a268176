"""Collects the rows of a reader into one tape.

A reader works in its file's own whole units (a ten-thousandth of a dollar, say); ticks and lots are only known once
the whole file has been read, so the recorder converts at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import numpy as np

from marl_market.calibration.readers.book_side import BookSide
from marl_market.market.fees import Fees
from marl_market.market.provenance import Provenance
from marl_market.market.spec import MAXIMUM_PRICE_TICKS
from marl_market.market.tape import FLOW, QUOTE, TRADE, FlowKind, Side, Tape
from marl_market.market.units import from_steps, to_steps


@dataclass(frozen=True)
class Recording(Tape):
    """A tape of a real venue, with its origin.

    Attributes:
        provenance: file that it was read from.
        fees: of the venue.
        currency: of the prices.
    """

    provenance: Provenance
    fees: Fees
    currency: str


class Reader(Protocol):
    """Turns a file of one venue format into a recording."""

    def read(self, path: str | Path) -> Recording:
        """Return the recording of a file; raises DataError on the first line that its format does not allow."""


@dataclass(frozen=True)
class Step:
    """A tick or a lot, counted in the whole units that a file is read in.

    Attributes:
        units: whole units in one step.
        size: the same step in currency (tick) or in units of quantity (lot).
    """

    units: int
    size: float


def choose_step(given: float | str | None, observed: Iterable[int], places: int, field: str) -> Step:
    """Return the step `given`, or else the greatest common divisor of the `observed` amounts.

    `observed` are whole units of 10^-places. Raises ValueError, naming `field`, where `given` does not divide them.
    """
    unit = Decimal(1).scaleb(-places)
    smallest = math.gcd(*observed)
    units = smallest if given is None else to_steps(given, unit, field)
    if units <= 0 or smallest % units:
        raise ValueError(f"{field} is {given}; it must divide {from_steps(smallest, unit)}, the step found in the data")
    return Step(units, float(from_steps(units, unit)))


class Recorder:
    """Rows of a tape in the making; every price and quantity is in the file's own whole units."""

    def __init__(self) -> None:
        self._quotes: list[tuple[int, int, int, int, int]] = []
        self._trades: list[tuple[int, int, int, int]] = []
        self._flow: list[list[int]] = []
        self._best = (0, 0, 0, 0)
        self._market_order: tuple[int, int] | None = None
        self._market_row: list[int] = []

    def quote(self, time_ns: int, bids: BookSide, asks: BookSide) -> None:
        """Record the best bid and ask where they changed."""
        bid_price, bid_quantity = bids.best()
        ask_price, ask_quantity = asks.best()
        best = (bid_price, ask_price, bid_quantity, ask_quantity)
        if best != self._best:
            self._best = best
            self._quotes.append((time_ns, *best))

    def order(self, time_ns: int, kind: FlowKind, side: int, price: int, quantity: int) -> None:
        """Record a limit order or a cancel; its offset counts from the best quotes recorded last."""
        self._flow.append([time_ns, kind, side, price, self._offset(side, price), quantity])

    def trade(self, time_ns: int, aggressor_side: int, price: int, quantity: int) -> None:
        """Record a fill; fills of one aggressor side at one time become one market order, priced at its last fill."""
        self._trades.append((time_ns, price, aggressor_side, quantity))
        if self._market_order == (time_ns, aggressor_side):
            self._market_row[4] -= aggressor_side * (price - self._market_row[3])
            self._market_row[3] = price
            self._market_row[5] += quantity
            return
        self._market_order = (time_ns, aggressor_side)
        offset = self._offset(aggressor_side, price)
        self._market_row = [time_ns, FlowKind.MARKET, aggressor_side, price, offset, quantity]
        self._flow.append(self._market_row)

    def recording(self, tick: Step, lot: Step, provenance: Provenance, fees: Fees, currency: str) -> Recording:
        """Return the rows as a tape of ticks and lots.

        Limit orders and cancels beyond `MAXIMUM_PRICE_TICKS` are left out: no market can hold them. Raises
        ValueError where a best quote or a trade lies there.
        """
        highest = max((max(row[1], row[2]) for row in self._quotes), default=0)
        highest = max(highest, max((row[1] for row in self._trades), default=0))
        if highest > MAXIMUM_PRICE_TICKS * tick.units:
            raise ValueError(f"tick_size is {tick.size}; the market trades above {MAXIMUM_PRICE_TICKS} such ticks")
        quotes = [
            (time, bid // tick.units, ask // tick.units, bid_quantity // lot.units, ask_quantity // lot.units)
            for time, bid, ask, bid_quantity, ask_quantity in self._quotes
        ]
        trades = [
            (time, _nearest(price, tick.units), side, quantity // lot.units)
            for time, price, side, quantity in self._trades
        ]
        flow = [
            (time, kind, side, _nearest(price, tick.units), _nearest(offset, tick.units), quantity // lot.units)
            for time, kind, side, price, offset, quantity in self._flow
            if price <= MAXIMUM_PRICE_TICKS * tick.units
        ]
        return Recording(
            tick_size=tick.size,
            lot_size=lot.size,
            quotes=np.array(quotes, dtype=QUOTE),
            trades=np.array(trades, dtype=TRADE),
            flow=np.array(flow, dtype=FLOW),
            provenance=provenance,
            fees=fees,
            currency=currency,
        )

    def _offset(self, side: int, price: int) -> int:
        bid, ask, bid_quantity, ask_quantity = self._best
        opposite, quantity = (ask, ask_quantity) if side == Side.BUY else (bid, bid_quantity)
        return side * (opposite - price) if quantity else 0


def _nearest(units: int, step: int) -> int:
    # Only hidden executions lie between two ticks (at the mid); everything else divides exactly.
    return (2 * units + step) // (2 * step)
