"""Reads recordings of Binance's spot market; see `binance` for the messages.

How updates are tied to a snapshot: those with u <= lastUpdateId are dropped; the first one used has U <= lastUpdateId +
1 <= u, and each later one U = u of the one before + 1. Source: Binance spot API, web socket streams, "How to manage a
local order book correctly". Updates come every 100 ms or every second, so the flow between them is netted.
"""

from __future__ import annotations

from dataclasses import dataclass

from marl_market.calibration.readers.binance import BinanceReader, UpdateNumbers, is_binance, is_futures
from marl_market.calibration.readers.levels import Event
from marl_market.calibration.readers.source import Head
from marl_market.calibration.readers.summary import Summary
from marl_market.market.fees import Fees

SPOT_FEES = Fees(taker_rate=0.0010, maker_rate=0.0010)
"""Regular users' fees of 2024, fractions of the notional: replace them by your own tier."""


@dataclass(frozen=True)
class BinanceSpotReader(BinanceReader):
    """Read one symbol, such as BTCUSDT, of the spot market; see `BinanceReader` for the attributes."""

    fees: Fees = SPOT_FEES

    format = "binance_spot"

    @staticmethod
    def recognizes(head: Head) -> bool:
        """Return whether the first lines are messages of Binance, without those that only futures have."""
        return is_binance(head) and not is_futures(head)

    def synchronizer(self, summary: Summary) -> UpdateNumbers:
        """Return the spot market's way to tie updates to a snapshot."""
        return SpotNumbers(summary)


class SpotNumbers(UpdateNumbers):
    """Numbers of the spot market: without a gap from update to update."""

    def is_before(self, update: Event, snapshot_number: int) -> bool:
        """Return whether u <= lastUpdateId."""
        return update.numbers[1] <= snapshot_number

    def starts(self, update: Event, snapshot_number: int) -> bool:
        """Return whether U <= lastUpdateId + 1."""
        return update.numbers[0] <= snapshot_number + 1

    def follows(self, update: Event, number: int) -> bool:
        """Return whether U = number + 1, or less where two streams overlap."""
        return update.numbers[0] <= number + 1
