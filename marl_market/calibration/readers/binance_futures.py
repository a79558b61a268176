"""Reads recordings of Binance's USD-margined futures; see `binance` for the messages.

How updates are tied to a snapshot: those with u < lastUpdateId are dropped; the first one used has U <= lastUpdateId <=
u, and for each later one pu is u of the one before. Numbers count the updates of all symbols, so a snapshot may also
lie between pu and U. Source: Binance USD-M futures API, "How to manage a local order book correctly".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from marl_market.calibration.readers.binance import BinanceReader, UpdateNumbers, is_binance, is_futures
from marl_market.calibration.readers.json_lines import Line
from marl_market.calibration.readers.levels import Event
from marl_market.calibration.readers.source import Head
from marl_market.calibration.readers.summary import Summary
from marl_market.market.fees import Fees

FUTURES_FEES = Fees(taker_rate=0.0005, maker_rate=0.0002)
"""Regular users' fees of 2024, fractions of the notional: replace them by your own tier."""


@dataclass(frozen=True)
class BinanceFuturesReader(BinanceReader):
    """Read one symbol, such as BTCUSDT, of the USD-margined futures; see `BinanceReader` for the attributes."""

    fees: Fees = FUTURES_FEES

    format = "binance_futures"

    @staticmethod
    def recognizes(head: Head) -> bool:
        """Return whether the first lines are messages of Binance, with those that only futures have."""
        return is_binance(head) and is_futures(head)

    def events(self, line: Line) -> Iterator[Event]:
        """Yield the one event of a message; raises DataError for a contract margined in coin."""
        for event in super().events(line):
            symbol, _, contract = event.product.partition("_")
            if contract and symbol.endswith("USD"):
                raise line.source.error(line.number, event.product, "a USD-margined contract, not one margined in coin")
            yield event

    def synchronizer(self, summary: Summary) -> UpdateNumbers:
        """Return the futures' way to tie updates to a snapshot."""
        return FuturesNumbers(summary)


class FuturesNumbers(UpdateNumbers):
    """Numbers of the futures: each update names the last number of the one before."""

    def is_before(self, update: Event, snapshot_number: int) -> bool:
        """Return whether u < lastUpdateId."""
        return update.numbers[1] < snapshot_number

    def starts(self, update: Event, snapshot_number: int) -> bool:
        """Return whether U <= lastUpdateId, or pu <= lastUpdateId."""
        first, _, previous = update.numbers
        return min(first, previous or first) <= snapshot_number

    def follows(self, update: Event, number: int) -> bool:
        """Return whether pu is the number."""
        return update.numbers[2] == number
