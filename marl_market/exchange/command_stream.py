"""Process whole streams of commands in one compiled call, and read the levels of the book.

Why a loop of its own: a market's event buffer holds one step, so a stream is processed in chunks that surely fit, and
the events of each chunk are moved on before the next; a call from Python for each command would cost fifty times the
engine's own time.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.auction import indicative
from marl_market.exchange.book import SLOT_MASK
from marl_market.exchange.compiled import compiled
from marl_market.exchange.order_entry import process
from marl_market.exchange.records import COMMAND, EVENT, PUBLIC_LEVEL
from marl_market.exchange.session import begin_step, end_step

EVENTS_PER_COMMAND = 4


@compiled
def carry_out(markets, seat, time_ns, command, first, collected, events, keeps):  # type: ignore[no-untyped-def]
    """Process commands from index `first` on until all are done or `collected` has no room for a full buffer.

    `collected` has `events` events so far; without `keeps` none are put there. Returns the index of the next command
    and the number of events so far.
    """
    market = markets[0]
    # One command may terminate every open order: three quarters of the buffer stay free for its events.
    enough = market.event.size // 4
    i = first
    while i < command.size and (not keeps or events + market.event.size <= collected.size):
        market.event_count = 0
        while i < command.size and market.event_count <= enough:
            market.time_ns = time_ns[i]
            market.refresh_period += 1
            process(market, np.int64(seat[i]), command[i])
            i += 1
        if keeps:
            for j in range(market.event_count):
                collected[events + j] = market.event[j]
        events += market.event_count
    return i, events


@compiled
def pass_step(markets, step_ns):  # type: ignore[no-untyped-def]
    """End a step of the only market and begin the next; the venue's own events are in the market's buffer."""
    market = markets[0]
    market.event_count = 0
    end_step(market, step_ns)
    begin_step(market)


@compiled
def copy_levels(markets, number, index, rows):  # type: ignore[no-untyped-def]
    """Copy the best levels of bids (`index` 0) or asks (1) of one market, best first; return their total number."""
    book = markets[number].book
    count = book.count[index]
    for i in range(min(count, rows.size)):
        level = book.level[book.ladder[index, count - 1 - i] & SLOT_MASK]
        rows[i].price_ticks = level.price_ticks
        rows[i].quantity_lots = level.quantity_lots
        rows[i].orders = level.count
    return count


@compiled
def read_indicative(markets):  # type: ignore[no-untyped-def]
    """Return the price, quantity and imbalance of a call auction in the only market that ended now, in ticks and lots.

    The quantity is 0 where it would not trade.
    """
    return indicative(markets[0])


def read_levels(markets: NDArray[np.void], number: int, index: int) -> NDArray[np.void]:
    """Return every level of bids (`index` 0) or asks (1) of market `number` as PUBLIC_LEVEL rows, best first."""
    levels = np.zeros(int(markets["book"]["count"][number, index]), PUBLIC_LEVEL)
    copy_levels(markets, number, index, levels)
    return levels


def process_stream(
    markets: NDArray[np.void],
    seat: NDArray[np.integer],
    time_ns: NDArray[np.int64],
    command: NDArray[np.void],
) -> NDArray[np.void]:
    """Process commands in the only one of `markets` and return their events as EVENT rows.

    `seat`, `time_ns` (of arrival) and `command` (COMMAND rows) have one entry a command, in order of arrival. Raises
    ValueError, before anything is processed, for arrays of unequal length, another type or an unknown seat.
    """
    check_stream(markets, seat, time_ns, command)
    buffer = markets["event"].shape[1]
    # More than nearly every stream makes; pages that are never written to are never allocated.
    collected = np.zeros(EVENTS_PER_COMMAND * command.size + 2 * buffer, EVENT)
    next_command, events = carry_out(markets, seat, time_ns, command, 0, collected, 0, True)
    while next_command < command.size:
        collected = np.concatenate([collected[:events], np.zeros(collected.size, EVENT)])
        next_command, events = carry_out(markets, seat, time_ns, command, next_command, collected, events, True)
    return collected[:events]


def count_stream(
    markets: NDArray[np.void],
    seat: NDArray[np.integer],
    time_ns: NDArray[np.int64],
    command: NDArray[np.void],
) -> int:
    """Process commands as `process_stream` does, but return only the number of their events."""
    check_stream(markets, seat, time_ns, command)
    _, events = carry_out(markets, seat, time_ns, command, 0, np.zeros(0, EVENT), 0, False)
    return int(events)


def check_stream(
    markets: NDArray[np.void], seat: NDArray[np.integer], time_ns: NDArray[np.integer], command: NDArray[np.void]
) -> None:
    """Raise ValueError where the arrays of a stream do not fit each other or the market."""
    if markets.size != 1:
        raise ValueError(f"markets has {markets.size} records; a stream of commands goes to exactly one")
    if command.dtype != COMMAND:
        raise ValueError(f"commands are of {command.dtype}; they must be of {COMMAND}")
    if not seat.shape == time_ns.shape == command.shape == (command.size,):
        raise ValueError(
            f"seats, times and commands have shapes {seat.shape}, {time_ns.shape} and {command.shape}; "
            "they must have one dimension of one length"
        )
    seats = int(markets["seat_count"][0])
    strange = np.flatnonzero((seat < 0) | (seat >= seats))
    if strange.size:
        raise ValueError(f"seat of command {strange[0]} is {seat[strange[0]]}; the market has seats 0 to {seats - 1}")


def event_digest(events: NDArray[np.void]) -> str:
    """Return the SHA-256 of every field of EVENT rows, equal only for events that are equal bit for bit."""
    digest = hashlib.sha256()
    for name in events.dtype.names or ():  # by column, since the bytes between the fields mean nothing
        digest.update(np.ascontiguousarray(events[name]).tobytes())
    return digest.hexdigest()
