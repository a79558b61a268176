"""Estimates the intensities of queue-reactive order flow by counts over exposure.

With the queues of both sides together, for a range of distances i from the reference price and a queue of size n,

    intensity = number of orders of a kind that met the queue at size n / time for which it had size n

(Huang, Lehalle and Rosenbaum 2015, section 2.3.1: their 1 / mean waiting time, times the share of a kind, is the same
ratio). Sizes are quantities divided by the mean quantity of the orders and cancels in the range, rounded up. Exposure
to market orders is that of the best queue. A size that the data never shows has the intensity of the next smaller one.

The reference price is the mid price. The book is rebuilt from the order flow and the trades. An order that leaves the
book without having come was there from the beginning; what the quotes contradict (orders better than the best price,
such as hidden ones) is not counted. Events at one time see the book as it was before all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.scripted.queue_reactive import QueueReactive
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import FlowKind, Side, Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

BLOCK = 256
"""Times whose books are rebuilt together: few enough that their mid prices lie close together."""

UNQUOTED = "the tape never shows both sides of the book; intensities by queue need a reference price"


@dataclass(frozen=True)
class Frame:
    """Times of a tape at which anything happens, and the quotes then.

    Attributes:
        time_ns: (times,), each once.
        seconds: for which the state after each time holds within its session, 0 while a side is not quoted.
        best: (times, 2) signed best prices after each time, bids then asks; see `_signed`.
        middle: (times, 2) signed mid prices.
    """

    time_ns: NDArray[np.int64]
    seconds: NDArray[np.float64]
    best: NDArray[np.int64]
    middle: NDArray[np.float64]


def queue_reactive(
    tape: Tape, spec: MarketSpec, distances: int = 3, sizes: int = 12, width: float = 1.0
) -> QueueReactive:
    """Return the queue-reactive flow of a tape, for a market calibrated to it.

    Args:
        tape: order by order, or level by level.
        spec: the market, whose scales and rates are the units of the result.
        distances: number of ranges of distances.
        sizes: number of different queue sizes, 0 among them.
        width: of a range of distances, in price scales of the market.

    Raises ValueError for a tape that never shows both sides, or shows no order in a range of distances.
    """
    ticks = max(1, round(width * spec.price_scale_ticks))
    frame = _frame(tape)
    unit = np.zeros(distances)
    counts, exposure = np.zeros((3, distances, sizes)), np.zeros((2, distances, sizes))
    events = [_events(tape, frame, side, ticks, distances) for side in (0, 1)]
    for number in range(distances):
        quantities = np.concatenate([each.quantity[(each.distance == number) & (each.kind < 2)] for each in events])
        if not quantities.size:
            raise ValueError(f"the tape has no order in range {number} of the distances; {number} ranges would do")
        unit[number] = quantities.mean()
    for side in (0, 1):
        queues = _queues(tape, frame, side, ticks, distances)
        state = np.minimum(np.ceil(queues / unit), sizes - 1).astype(np.int64)
        _add(counts, exposure, frame, events[side], state, side, ticks)
    flow, lot = spec.flow, spec.lot_size / tape.lot_size
    return QueueReactive(
        limit=_rates(counts[0], exposure[0], flow.limit_rate),
        cancel=_rates(counts[1], exposure[0], flow.cancel_rate),
        market=_rates(counts[2], exposure[1], flow.market_rate),
        unit=[float(f"{value / lot / flow.depth_lots:.4g}") for value in unit],
        width=width,
    )


@dataclass(frozen=True)
class _Events:
    """Orders that meet the queues of one side: number of the time before, kind (0, 1, 2), range and quantity."""

    before: NDArray[np.int64]
    kind: NDArray[np.int64]
    distance: NDArray[np.int64]
    quantity: NDArray[np.int64]


def _signed(price: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Return prices so that a better one of side 0 (bids) or 1 (asks) is higher."""
    return price if side == 0 else -price


def _frame(tape: Tape) -> Frame:
    """Return the times of a tape within its sessions."""
    quotes, (starts, ends) = tape.quotes, tape.sessions.T
    if not quotes.size:
        raise ValueError(UNQUOTED)
    time_ns = np.unique(np.concatenate([quotes["time_ns"], tape.flow["time_ns"], tape.trades["time_ns"], starts, ends]))
    row = np.searchsorted(quotes["time_ns"], time_ns, side="right") - 1
    quote = quotes[np.maximum(row, 0)]
    both = (row >= 0) & (quote["bid_quantity_lots"] > 0) & (quote["ask_quantity_lots"] > 0)
    session = np.searchsorted(starts, time_ns, side="right") - 1
    inside = (session >= 0) & (time_ns < ends[session])
    seconds = np.append(np.diff(time_ns), 0) / NANOSECONDS_PER_SECOND * (both & inside)
    if not seconds.sum():
        raise ValueError(UNQUOTED)
    bid, ask = quote["bid_price_ticks"].astype(np.int64), quote["ask_price_ticks"].astype(np.int64)
    middle = (bid + ask) / 2
    return Frame(time_ns, seconds, np.column_stack([bid, -ask]), np.column_stack([middle, -middle]))


def _events(tape: Tape, frame: Frame, side: int, ticks: int, distances: int) -> _Events:
    """Return the orders that meet the queues of one side within the ranges, those after a time without quotes left out.

    A market order meets the best queue, the last range if it lies beyond.
    """
    flow, sign = tape.flow, (Side.BUY, Side.SELL)[side]
    takes = flow["kind"] == FlowKind.MARKET
    flow, takes = (each[(flow["side"] == sign) != takes] for each in (flow, takes))
    before = np.searchsorted(frame.time_ns, flow["time_ns"]) - 1
    known = (before >= 0) & (frame.seconds[before] > 0)
    flow, takes, before = flow[known], takes[known], before[known]
    price = np.where(takes, frame.best[before, side], _signed(flow["price_ticks"].astype(np.int64), side))
    distance = np.floor(np.maximum(frame.middle[before, side] - price, 0.0) / ticks).astype(np.int64)
    distance = np.where(takes, np.minimum(distance, distances - 1), distance)
    kind = np.select([takes, flow["kind"] == FlowKind.CANCEL], [2, 1], 0)
    near = distance < distances
    return _Events(before[near], kind[near], distance[near], flow["quantity_lots"][near])


def _queues(tape: Tape, frame: Frame, side: int, ticks: int, distances: int) -> NDArray[np.float64]:
    """Return the quantity of a side in each range after each time, (times, distances)."""
    number, price, change = _changes(tape, frame, side)
    lowest = int(min(price.min(initial=0), frame.middle[:, side].min() - distances * ticks)) - 1
    highest = int(max(price.max(initial=0), frame.best[:, side].max())) + 1
    depth = _initial_depth(number, price - lowest, change, highest - lowest + 1)
    edges = np.floor(frame.middle[:, side, None] - ticks * np.arange(distances + 1)).astype(np.int64)
    edges = np.minimum(edges, frame.best[:, side, None]) - lowest
    edges[frame.seconds <= 0] = edges[np.argmax(frame.seconds > 0)]  # of no interest, but not far from the others
    queues = np.zeros((frame.time_ns.size, distances))
    for first in range(0, frame.time_ns.size, BLOCK):
        rows = slice(first, first + BLOCK)
        low, high = edges[rows].min(), edges[rows].max()
        part = slice(*np.searchsorted(number, (first, first + BLOCK)))
        moved = np.zeros((len(edges[rows]), high - low + 1), np.int64)
        near = (price[part] - lowest >= low) & (price[part] - lowest <= high)
        np.add.at(moved, (number[part][near] - first, price[part][near] - lowest - low), change[part][near])
        book = np.maximum(depth[low : high + 1] + np.cumsum(moved, axis=0), 0)
        below = np.cumsum(book, axis=1)
        queues[rows] = -np.diff(np.take_along_axis(below, edges[rows] - low, axis=1), axis=1)
        np.add.at(depth, price[part] - lowest, change[part])
    return queues


def _changes(tape: Tape, frame: Frame, side: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of the time, the signed price and the quantity of each change of a side's book, in order."""
    sign = (Side.BUY, Side.SELL)[side]
    flow = tape.flow[(tape.flow["side"] == sign) & (tape.flow["kind"] != FlowKind.MARKET)]
    trades = tape.trades[tape.trades["aggressor_side"] == -sign]
    added = np.where(flow["kind"] == FlowKind.LIMIT, 1, -1) * flow["quantity_lots"]
    time_ns = np.concatenate([flow["time_ns"], trades["time_ns"]])
    order = np.argsort(time_ns, kind="stable")
    price = np.concatenate([flow["price_ticks"], trades["price_ticks"]]).astype(np.int64)
    change = np.concatenate([added, -trades["quantity_lots"]])
    return np.searchsorted(frame.time_ns, time_ns[order]).astype(np.int64), _signed(price[order], side), change[order]


def _initial_depth(
    number: NDArray[np.int64], price: NDArray[np.int64], change: NDArray[np.int64], prices: int
) -> NDArray[np.int64]:
    """Return the least quantity at each price with which none falls below zero later."""
    order = np.lexsort((number, price))
    total = np.cumsum(change[order])
    first = np.flatnonzero(np.diff(price[order], prepend=-1))
    depth = np.zeros(prices, np.int64)
    if first.size:
        earlier = np.where(first > 0, total[first - 1], 0)
        depth[price[order][first]] = np.maximum(earlier - np.minimum.reduceat(total, first), 0)
    return depth


def _add(
    counts: NDArray[np.float64],
    exposure: NDArray[np.float64],
    frame: Frame,
    events: _Events,
    state: NDArray[np.int64],
    side: int,
    ticks: int,
) -> None:
    """Add the counts and the exposures of one side, in place; `state` is the size of each queue after each time."""
    np.add.at(counts, (events.kind, events.distance, state[events.before, events.distance]), 1.0)
    distances = state.shape[1]
    for number in range(distances):
        exposure[0, number] += np.bincount(state[:, number], frame.seconds, exposure.shape[2])
    best = np.floor((frame.middle[:, side] - frame.best[:, side]) / ticks).astype(np.int64)
    best = np.clip(best, 0, distances - 1)
    np.add.at(exposure[1], (best, state[np.arange(best.size), best]), frame.seconds)


def _rates(counts: NDArray[np.float64], exposure: NDArray[np.float64], rate: float) -> list[list[float]]:
    """Return counts over exposures in multiples of half a rate."""
    found = np.zeros(counts.shape)
    for size in range(counts.shape[1]):
        previous = found[:, size - 1] if size else 0.0
        seen = exposure[:, size] > 0
        found[:, size] = np.where(seen, counts[:, size] / np.where(seen, exposure[:, size], 1.0), previous)
    return [[float(f"{value:.4g}") for value in row] for row in found / (0.5 * rate)]
