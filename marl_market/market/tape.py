"""One columnar schema for the public data of a market, real or simulated.

Why columns: every consumer (estimators, stylized facts, figures) works on whole columns, and a structured array is
one contiguous block that saves, hashes and compares bit for bit.

Assumptions: prices are whole ticks and quantities whole lots; times are nanoseconds since an origin the source
chooses; rows are in time order; a missing side of the book has quantity 0 and price 0.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Side(IntEnum):
    """Direction of an order; the value is the sign of the position it builds."""

    BUY = 1
    SELL = -1


class FlowKind(IntEnum):
    """Kind of an order-flow message."""

    LIMIT = 1
    CANCEL = 2
    MARKET = 3


class Outcome(IntEnum):
    """How an order left the book."""

    OPEN = 0
    CANCELED = 1
    FILLED = 2


QUOTE = np.dtype(
    [
        ("time_ns", np.int64),
        ("bid_price_ticks", np.int32),
        ("ask_price_ticks", np.int32),
        ("bid_quantity_lots", np.int64),
        ("ask_quantity_lots", np.int64),
    ]
)
TRADE = np.dtype(
    [
        ("time_ns", np.int64),
        ("price_ticks", np.int32),
        ("aggressor_side", np.int32),  # 0 in a call auction
        ("quantity_lots", np.int64),
    ]
)
FLOW = np.dtype(
    [
        ("time_ns", np.int64),
        ("kind", np.int32),
        ("side", np.int32),
        ("price_ticks", np.int32),
        ("offset_ticks", np.int32),
        ("quantity_lots", np.int64),
    ]
)
ORDER = np.dtype(
    [
        ("time_ns", np.int64),  # since when it rests at its price
        ("end_ns", np.int64),  # canceled, or filled to the end; the end of its session where it is open until then
        ("first_fill_ns", np.int64),  # 0 without a fill
        ("outcome", np.int32),  # Outcome
        ("side", np.int32),
        ("price_ticks", np.int32),
        ("reserved", np.int32),
        ("quantity_lots", np.int64),  # as it began to rest
        ("filled_lots", np.int64),
    ]
)
"""The life of a limit order in the book. Why reserved: a record without gaps compares and hashes by its bytes."""


@dataclass(frozen=True)
class Tape:
    """Public data of a market over time.

    Attributes:
        tick_size: currency of one tick.
        lot_size: units of one lot.
        quotes: array of QUOTE, one row for each change of the best bid and offer (its state after the change).
        trades: array of TRADE, one row a fill.
        flow: array of FLOW, one row each limit order, cancel (whole or in part) and market order. An offset is
            the distance from the opposite side's best price just before, positive away from it; 0 where that side was
            empty. Fills of one aggressor at one time are one MARKET row, priced at the last of them.
        orders: array of ORDER, one row each limit order that rested, by the time it began to; empty where the source
            does not tell orders apart.
        sessions: (sessions, 2) first and last time of each stretch of continuous trading; by default one, from the
            first row to the last.
    """

    tick_size: float
    lot_size: float
    quotes: NDArray[np.void]
    trades: NDArray[np.void]
    flow: NDArray[np.void]
    orders: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, ORDER))
    sessions: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))

    def __post_init__(self) -> None:
        times = [table["time_ns"] for table in (self.quotes, self.trades, self.flow) if table.size]
        if not self.sessions.size and times:
            span = [[min(int(each[0]) for each in times), max(int(each[-1]) for each in times)]]
            object.__setattr__(self, "sessions", np.array(span, np.int64))

    def digest(self) -> str:
        """Return the SHA-256 of every row, equal only for tapes that are equal bit for bit."""
        digest = hashlib.sha256()
        for table in (self.quotes, self.trades, self.flow, self.orders, self.sessions):
            digest.update(np.ascontiguousarray(table).tobytes())
        return digest.hexdigest()
