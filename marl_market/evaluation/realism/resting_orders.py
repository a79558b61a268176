"""The book behind the best, as far as the lives of orders tell it: which orders rest at given times.

An order rests from its beginning until its end with its first quantity, from its first fill on without what is filled.
What partial cancels have taken is still counted, and orders from before the tape are missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.evaluation.realism.best_quotes import Whole, grid
from marl_market.evaluation.realism.remembered import remembered
from marl_market.market.tape import FlowKind, Side, Tape

EVERY_SECONDS = 10.0
LEVELS = 10
LARGEST_SAMPLE = 2_500
"""Orders or cancels of a side whose levels are counted: of more, as many, evenly chosen."""


@dataclass(frozen=True)
class Levels:
    """Price levels of one side in snapshots of the book, best first in each.

    Attributes:
        snapshot: number of the snapshot of each level.
        number: of the level in it, the best 0.
        lots: that rest there.
        snapshots: of the side, those without a level included.
    """

    snapshot: Whole
    number: Whole
    lots: Whole
    snapshots: int


@remembered
def levels(tape: Tape, side: Side) -> Levels:
    """Return the levels of a side every ten seconds; none for a tape that does not tell orders apart."""
    time_ns, _, _ = grid(tape, EVERY_SECONDS)
    orders = tape.orders[tape.orders["side"] == side]
    order, snapshot = _present(orders["time_ns"], orders["end_ns"], time_ns)
    price = -side * orders["price_ticks"].astype(np.int64)[order]
    filled = orders["filled_lots"][order] * (time_ns[snapshot] >= orders["first_fill_ns"][order])
    lots = orders["quantity_lots"][order] - filled
    by_place = np.lexsort((price, snapshot))
    snapshot, price, lots = snapshot[by_place], price[by_place], lots[by_place]
    new = np.ones(len(price), np.bool_)
    new[1:] = (price[1:] != price[:-1]) | (snapshot[1:] != snapshot[:-1])
    first = np.flatnonzero(new)
    snapshot, lots = snapshot[first], np.add.reduceat(lots, first) if len(first) else lots
    return Levels(snapshot, _number_in_group(snapshot), lots, len(time_ns) if len(orders) else 0)


def book_lots(tape: Tape, side: Side) -> Whole:
    """Return the lots of the ten best levels of a side every ten seconds (LOB-Bench, `bid/ask volume`)."""
    found = levels(tape, side)
    near = found.number < LEVELS
    return np.bincount(found.snapshot[near], found.lots[near], found.snapshots).astype(np.int64)


def level_lots(tape: Tape, number: int) -> float:
    """Return the mean lots of level `number`, the best 1, of both sides: the depth profile (Bouchaud et al. 2002).

    An empty level counts as 0. NaN for a tape that does not tell orders apart.
    """
    sides = [levels(tape, side) for side in Side]
    snapshots = sum(each.snapshots for each in sides)
    lots = sum(int(each.lots[each.number == number - 1].sum()) for each in sides)
    return lots / snapshots if snapshots else float("nan")


def level_of_order(tape: Tape, kind: FlowKind, side: Side) -> Whole:
    """Return how many levels of its side are better than a limit order or a cancel (LOB-Bench, `limit/cancel levels`).

    Of many orders `LARGEST_SAMPLE`, evenly chosen; none for a tape that does not tell orders apart.
    """
    rows = tape.flow[(tape.flow["kind"] == kind) & (tape.flow["side"] == side)]
    orders = tape.orders[tape.orders["side"] == side]
    if not len(orders):
        return np.zeros(0, np.int64)
    rows = rows[:: -(-len(rows) // LARGEST_SAMPLE) or 1]
    price, begin, end = _occupied(orders)
    level, row = _present(begin, end, rows["time_ns"])
    better = side * (price[level] - rows["price_ticks"][row].astype(np.int64)) > 0
    return np.bincount(row[better], minlength=len(rows)).astype(np.int64)


def _present(begin_ns: Whole, end_ns: Whole, time_ns: Whole) -> tuple[Whole, Whole]:
    """Return the pairs (interval, time) of the sorted times that come after an interval's begin and before its end."""
    first = np.searchsorted(time_ns, begin_ns, side="right")
    counts = np.maximum(np.searchsorted(time_ns, end_ns) - first, 0)
    interval = np.repeat(np.arange(len(counts)), counts)
    return interval, np.arange(len(interval)) - np.repeat(np.cumsum(counts) - counts, counts) + first[interval]


def _occupied(orders: np.ndarray[tuple[int], np.dtype[np.void]]) -> tuple[Whole, Whole, Whole]:
    """Return price, begin and end of each stretch of time in which orders of one side rest at a price."""
    orders = orders[np.lexsort((orders["time_ns"], orders["price_ticks"]))]
    price, begin, end = orders["price_ticks"].astype(np.int64), orders["time_ns"], orders["end_ns"]
    # A step per price larger than any time makes one running maximum serve all prices.
    origin = int(begin.min())
    step = int(end.max()) - origin + 1
    group = np.cumsum(np.append(0, price[1:] != price[:-1])) * step
    latest = np.maximum.accumulate(end - origin + group) - group + origin
    new = np.ones(len(price), np.bool_)
    new[1:] = (price[1:] != price[:-1]) | (begin[1:] > latest[:-1])
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(price)) - 1
    return price[first], begin[first], latest[last]


def _number_in_group(group: Whole) -> Whole:
    """Return the place of each element among those of its group, which follow each other."""
    begins = np.flatnonzero(np.append(True, group[1:] != group[:-1])) if len(group) else group
    return np.arange(len(group)) - np.repeat(begins, np.diff(np.append(begins, len(group))))
