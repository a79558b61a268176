"""The best bid and ask of a tape over time, in sessions, and the grids that stylized facts are measured on.

The mid is counted in half ticks, bid + ask, a whole number. A one-sided moment keeps the quotes from before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.evaluation.realism.remembered import remembered
from marl_market.market.tape import Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

Whole = NDArray[np.int64]
Real = NDArray[np.float64]
HALF_TICKS = 2.0


@dataclass(frozen=True)
class BestQuotes:
    """The quotes with both sides within sessions, in time order.

    Attributes:
        time_ns: of each.
        session: number of its session.
        mid: bid + ask, half ticks.
        spread: ask - bid, ticks.
        bid_lots: at the best bid.
        ask_lots: at the best ask.
        begins: first such quote of each session, nanoseconds; its end where there is none.
        ends: last moment of each session, nanoseconds.
    """

    time_ns: Whole
    session: Whole
    mid: Whole
    spread: Whole
    bid_lots: Whole
    ask_lots: Whole
    begins: Whole
    ends: Whole

    def at(self, time_ns: Whole, before: bool = False) -> Whole:
        """Return the row in force at each time, or just before it; the first where there is none yet."""
        side = "left" if before else "right"
        return np.maximum(np.searchsorted(self.time_ns, time_ns, side=side) - 1, 0)  # type: ignore[call-overload]


@remembered
def best_quotes(tape: Tape) -> BestQuotes:
    """Return the quotes of a tape that have both sides."""
    quotes = tape.quotes
    session = session_of(tape, quotes["time_ns"])
    kept = (quotes["bid_quantity_lots"] > 0) & (quotes["ask_quantity_lots"] > 0) & (session >= 0)
    quotes, session = quotes[kept], session[kept]
    bid, ask = quotes["bid_price_ticks"].astype(np.int64), quotes["ask_price_ticks"].astype(np.int64)
    time_ns = quotes["time_ns"].copy()
    ends = tape.sessions[:, 1].copy()
    begins = ends.copy()
    present, first = np.unique(session, return_index=True)
    begins[present] = time_ns[first]
    lots = quotes["bid_quantity_lots"].copy(), quotes["ask_quantity_lots"].copy()
    return BestQuotes(time_ns, session, bid + ask, ask - bid, *lots, begins, ends)


def session_of(tape: Tape, time_ns: Whole) -> Whole:
    """Return the number of the session of each time, -1 outside of all."""
    sessions = tape.sessions
    if not len(sessions):
        return np.full(len(time_ns), -1)
    session = np.searchsorted(sessions[:, 0], time_ns, side="right") - 1
    return np.where((session >= 0) & (time_ns <= sessions[session, 1]), session, -1)


@remembered
def grid(tape: Tape, every_seconds: float) -> tuple[Whole, Whole, Whole]:
    """Return times `every_seconds` apart in each session, from its first quote on: time, row in force, session."""
    best, every_ns = best_quotes(tape), round(every_seconds * NANOSECONDS_PER_SECOND)
    counts = np.maximum(best.ends - best.begins - 1, 0) // every_ns
    session = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(session)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    time_ns = best.begins[session] + number * every_ns
    return time_ns, best.at(time_ns), session


@remembered
def mid_moves(tape: Tape, seconds: int) -> Whole:
    """Return mid(t + `seconds`) - mid(t) in half ticks, at every whole second t of a session."""
    _, rows, session = grid(tape, 1.0)
    mid = best_quotes(tape).mid[rows]
    within = session[seconds:] == session[:-seconds]
    return (mid[seconds:] - mid[:-seconds])[within]


def seconds_of(tape: Tape) -> float:
    """Return the length of all sessions in seconds."""
    return float(np.diff(tape.sessions).sum()) / NANOSECONDS_PER_SECOND
