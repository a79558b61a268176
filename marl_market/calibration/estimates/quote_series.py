"""The best bid and offer of a tape as a function of time, inside its sessions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.market.tape import Side, Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND


class QuoteSeries:
    """The quotes of a tape that show both sides.

    Attributes:
        time_ns: when each began.
        bid: best bids, in ticks.
        ask: best asks, in ticks.
        bid_lots: their quantities.
        ask_lots: likewise.
        sessions: (sessions, 2) first and last time of continuous trading, without those that last no time.
    """

    def __init__(self, tape: Tape) -> None:
        """Keep the quotes of `tape`; raises ValueError where none shows both sides."""
        both = (tape.quotes["bid_quantity_lots"] > 0) & (tape.quotes["ask_quantity_lots"] > 0)
        quotes = tape.quotes[both]
        if not quotes.size:
            raise ValueError("the recording never shows both sides of the book; its flow has no state")
        self.time_ns = quotes["time_ns"]
        self.bid, self.ask = (quotes[f"{side}_price_ticks"].astype(np.int64) for side in ("bid", "ask"))
        self.bid_lots, self.ask_lots = quotes["bid_quantity_lots"], quotes["ask_quantity_lots"]
        self.sessions = tape.sessions[tape.sessions[:, 1] > tape.sessions[:, 0]]

    @property
    def mid(self) -> NDArray[np.float64]:
        """Return the mid prices, in ticks."""
        return (self.bid + self.ask) / 2.0

    @property
    def spread(self) -> NDArray[np.int64]:
        """Return the spreads, in ticks."""
        return self.ask - self.bid

    @property
    def seconds(self) -> float:
        """Return the length of all sessions."""
        return float(np.diff(self.sessions).sum()) / NANOSECONDS_PER_SECOND

    def before(self, time_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row in force just before each time; the first one before all of them."""
        return np.clip(np.searchsorted(self.time_ns, time_ns, side="left") - 1, 0, None)

    def at(self, time_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row in force at each time."""
        return np.clip(np.searchsorted(self.time_ns, time_ns, side="right") - 1, 0, None)

    def grid(self, every_ns: int) -> list[NDArray[np.int64]]:
        """Return the times `every_ns` apart of each session, from its first quote on."""
        grids = []
        for start, end in self.sessions.tolist():
            first = int(np.searchsorted(self.time_ns, start))
            if first < self.time_ns.size and self.time_ns[first] <= end:
                grids.append(np.arange(self.time_ns[first], end + 1, every_ns))
        return grids

    def best(self, side: NDArray[np.integer], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the best price of each side in each row."""
        return np.where(side == Side.BUY, self.bid[rows], self.ask[rows])

    def opposite_lots(self, side: NDArray[np.integer], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the quantity that an order of each side meets at the best price in each row."""
        return np.where(side == Side.BUY, self.ask_lots[rows], self.bid_lots[rows])


def slots_of(time_ns: NDArray[np.int64], sessions: NDArray[np.int64], slots: int) -> NDArray[np.int64]:
    """Return the part of its day that each time is in, of `slots` equally long ones from its first to its last session.

    Sessions more than six hours apart are of different days.
    """
    starts, ends = sessions.T
    later = np.flatnonzero(starts[1:] - ends[:-1] > 6 * 3600 * NANOSECONDS_PER_SECOND) + 1
    opens, closes = starts[np.append(0, later)], ends[np.append(later - 1, len(ends) - 1)]
    day = np.clip(np.searchsorted(opens, time_ns, side="right") - 1, 0, None)
    part = (time_ns - opens[day]) / np.maximum(closes[day] - opens[day], 1) * slots
    return np.clip(part.astype(np.int64), 0, slots - 1)


def inside(rows: NDArray[np.void], sessions: NDArray[np.int64]) -> NDArray[np.void]:
    """Return the rows whose time lies in a session."""
    session = np.searchsorted(sessions[:, 0], rows["time_ns"], side="right") - 1
    return rows[(session >= 0) & (rows["time_ns"] <= sessions[np.clip(session, 0, None), 1])]


def edges_of(sample: NDArray[np.floating] | NDArray[np.integer], chances: NDArray[np.float64]) -> list[float]:
    """Return quantiles of a sample as edges of states; some are equal where values are shared by many."""
    return [float(edge) for edge in np.quantile(sample, chances, method="higher")]


def state_of(edges: list[float] | NDArray[np.float64], values: NDArray[np.generic]) -> NDArray[np.int64]:
    """Return the number of edges that each value has reached."""
    return np.searchsorted(np.asarray(edges), values, side="right")
