"""One columnar schema for the public data of a market, real or simulated.

Why columns: every consumer (estimators, stylized facts, figures) works on whole columns, and a structured array is
one contiguous block that saves, hashes and compares bit for bit.

Assumptions: prices are whole ticks and quantities whole lots; times are nanoseconds since an origin the source
chooses; rows are in time order; a missing side of the book has quantity 0 and price 0.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
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
    """

    tick_size: float
    lot_size: float
    quotes: NDArray[np.void]
    trades: NDArray[np.void]
    flow: NDArray[np.void]

    def digest(self) -> str:
        """Return the SHA-256 of every row, equal only for tapes that are equal bit for bit."""
        digest = hashlib.sha256()
        for table in (self.quotes, self.trades, self.flow):
            digest.update(np.ascontiguousarray(table).tobytes())
        return digest.hexdigest()
