"""Open, high, low, close and volume of periods of time, real or of a simulated tape, in currency and units.

Bars have neither orders nor a book: they show how prices moved, not how a market trades. So they give returns,
volatility and the path of a fundamental value, and no market can be calibrated from them.

Assumptions: rows are in time order, a time is the begin of its bar, and the distance that occurs most is the interval.
A missing bar is a gap, and no return is taken across one. Of bars of a day or longer a week is none, for weekends and
holidays are no trading days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marl_market.market.candles import candles
from marl_market.market.fundamental import PriceSeries
from marl_market.market.tape import Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

DAY_NS = 86_400 * NANOSECONDS_PER_SECOND
LONGEST_CLOSURE_NS = 6 * DAY_NS
"""The longest distance of two daily bars without a gap between them: holidays around a weekend, a day to spare."""

BAR = np.dtype(
    [
        ("time_ns", np.int64),  # begin, since an origin the source chooses
        ("open", np.float64),
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("volume", np.float64),  # NaN where the source has none
        ("spread", np.float64),  # ask less bid, mean of begin and end; NaN where the source has one price
    ]
)
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Bars:
    """Bars of one instrument.

    Attributes:
        rows: array of BAR.
    """

    rows: NDArray[np.void]

    @property
    def interval_ns(self) -> int:
        """Return the most frequent distance of two bars; zero for fewer than two."""
        distances, counts = np.unique(np.diff(self.rows["time_ns"]), return_counts=True)
        return int(distances[counts.argmax()]) if distances.size else 0

    @property
    def longest_distance_ns(self) -> int:
        """Return the distance of two bars above which there is a gap between them."""
        interval = self.interval_ns
        return interval if interval < DAY_NS else max(interval, LONGEST_CLOSURE_NS)

    @property
    def gaps(self) -> NDArray[np.int64]:
        """Return (first missing time, next bar's time) of each gap, nanoseconds, array (gaps, 2)."""
        time = self.rows["time_ns"]
        before = np.flatnonzero(self._follows_gap())
        return np.stack([time[before] + self.interval_ns, time[before + 1]], axis=1)

    def sessions(self) -> list[Bars]:
        """Return the bars between gaps, in time order."""
        return [replace(self, rows=part) for part in np.split(self.rows, np.flatnonzero(self._follows_gap()) + 1)]

    def returns(self) -> NDArray[np.float64]:
        """Return the log returns from close to close of neighbors without a gap between them."""
        returns: NDArray[np.float64] = np.diff(np.log(self.rows["close"]))[~self._follows_gap()]
        return returns

    def volatility(self) -> float:
        """Return the standard deviation of the returns of one interval; raises ValueError for fewer than two."""
        returns = self.returns()
        if returns.size < 2:
            raise ValueError(f"the bars have {returns.size} returns; volatility needs two or more")
        return float(np.std(returns))

    def price_series(self, steps_per_price: int = 1, published: bool = False) -> PriceSeries:
        """Return the closes of the longest session without a gap as a path of the fundamental value."""
        longest = max(self.sessions(), key=lambda session: session.rows.size)
        return PriceSeries(tuple(longest.rows["close"].tolist()), steps_per_price, published)

    def _follows_gap(self) -> NDArray[np.bool_]:
        distant: NDArray[np.bool_] = np.diff(self.rows["time_ns"]) > self.longest_distance_ns
        return distant


def mid_bars(bids: Bars, asks: Bars) -> Bars:
    """Return the bars of the mid price and the spread, at the times of both sides whose ask is not below the bid.

    High and low are the means of both sides' extremes, which need not have been at one moment: the mid's own range
    may have been narrower. Volume is the bids'. Raises ValueError where the asks are below the bids in most of them,
    or no time is common.
    """
    _, bid_places, ask_places = np.intersect1d(bids.rows["time_ns"], asks.rows["time_ns"], return_indices=True)
    bid, ask = bids.rows[bid_places], asks.rows[ask_places]
    if not bid.size:
        raise ValueError("the bars of bid and ask have no time in common")
    sound = (ask["open"] >= bid["open"]) & (ask["close"] >= bid["close"])
    if 2 * sound.sum() < sound.size:
        raise ValueError(f"{(~sound).sum()} of {sound.size} bars have an ask below the bid; are the sides exchanged?")
    rows = bid.copy()
    for name in PRICES:
        rows[name] = (bid[name] + ask[name]) / 2
    rows["spread"] = (ask["open"] - bid["open"] + ask["close"] - bid["close"]) / 2
    return replace(bids, rows=rows[sound])


def bars_of_tape(tape: Tape, window_ns: int) -> Bars:
    """Return the bars of a tape's trades, so that a simulated market is measured as real bars are."""
    from_ticks = candles(tape, window_ns)
    rows = np.zeros(from_ticks.size, BAR)
    rows["spread"] = np.nan
    rows["time_ns"] = from_ticks["time_ns"]
    for name in PRICES:
        rows[name] = from_ticks[f"{name}_ticks"] * tape.tick_size
    rows["volume"] = from_ticks["volume_lots"] * tape.lot_size
    return Bars(rows)
