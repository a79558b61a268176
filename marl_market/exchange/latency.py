"""Commands and market data on their way: what a seat sends arrives later, and what it sees is older.

Why outside the market record, at an address: a market without delays then has none of this memory, a longer delay has
more of it, and no kernel has another argument. A market of address zero goes the way that has no delays.

Assumptions: a line keeps the order of what is sent over it, as a session of an exchange does. At most
`SEAT_IN_FLIGHT` commands of a seat are on their way; one more is rejected when it is sent. The venue takes at most
`SEAT_COMMANDS` of a seat a step, what is left waits at its door; what is on its way when the session ends is rejected
then. Commands that arrive at one moment are taken in the shuffled order of their seats. A seat sees its own account,
orders and fills, and the clock, as they are; all else in its public record is as it was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import carray
from numpy.typing import NDArray

from marl_market.exchange.codes import Reason
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.pointers import copy_record, pointer
from marl_market.exchange.order_entry import reject
from marl_market.exchange.random_streams import begin_stream, exponential, normal, uniform
from marl_market.exchange.records import COMMAND, PUBLIC, SEAT_COMMANDS, SEAT_IN_FLIGHT
from marl_market.market.latency import Delay, Latency

NO_REASON, SESSION_OVER = int(Reason.NONE), int(Reason.SESSION_OVER)
TOO_MANY_IN_FLIGHT = int(Reason.TOO_MANY_IN_FLIGHT)
LINE_KEY = np.uint64(0xD1B54A32D192ED03)
"""What tells the stream of a line from the stream of its seat."""

DELAY = np.dtype(
    [
        ("floor_ns", np.float64),
        ("uniform_ns", np.float64),
        ("exponential_ns", np.float64),
        ("lognormal_ns", np.float64),
        ("sigma", np.float64),
        ("longest_ns", np.float64),
    ],
    align=True,
)
FLIGHT = np.dtype([("arrival_ns", np.int64), ("command", COMMAND)], align=True)
LINE = np.dtype(
    [
        ("entry", DELAY),
        ("data", DELAY),
        ("compute_ns", np.float64),
        ("random", np.uint64),
        ("random_key", np.uint64),
        ("last_arrival_ns", np.int64),
        ("data_steps", np.int64),  # age of the public record that the seat sees
        ("sent", np.int64),  # commands so far; those from `ended` on are on their way, number i at i % SEAT_IN_FLIGHT
        ("ended", np.int64),
        ("taken", np.int64),  # in this step
        ("next_ns", np.int64),  # arrival of the command that comes next
        ("place", np.int32),  # of the seat in the shuffled order
        ("waiting", np.int32),  # row i of all lines holds entry i of the heap of seats
        ("flight", FLIGHT, (SEAT_IN_FLIGHT,)),
    ],
    align=True,
)
"""What lies between a seat and its venue."""

LANDING = np.dtype(
    [
        ("after_ns", np.int64),  # since the beginning of the step
        ("seat", np.int64),
        ("refusal", np.int64),  # Reason of what the venue never takes
        ("command", COMMAND),
    ],
    align=True,
)
"""One command at the end of its way."""


class Lines(NamedTuple):
    """The memory of a batch's lines; its markets hold addresses in it, so it lives as long as they do.

    Attributes:
        line: (markets, seats) LINE rows.
        landing: (markets, landings) LANDING rows of the last step, `market.landing_count` of them are valid.
        history: (markets, steps) PUBLIC rows, the record of step t at t % steps; no steps where no data are late.
    """

    line: NDArray[np.void]
    landing: NDArray[np.void]
    history: NDArray[np.void]


def connect(markets: NDArray[np.void], latencies: Sequence[Latency], step_ns: int) -> Lines | None:
    """Give every market lines of these `latencies`, one a seat; return their memory, None where nothing is late."""
    if not any(latency.delays for latency in latencies):
        return None
    depth = 1 + max(latency.data.steps(step_ns) for latency in latencies)
    lines = Lines(
        np.zeros((markets.size, len(latencies)), LINE),
        np.zeros((markets.size, len(latencies) * (SEAT_IN_FLIGHT + SEAT_COMMANDS)), LANDING),
        np.zeros((markets.size, depth if depth > 1 else 0), PUBLIC),
    )
    for seat, latency in enumerate(latencies):
        row = lines.line[:, seat]
        _write_delay(row["entry"], latency.entry)
        _write_delay(row["data"], latency.data)
        row["compute_ns"] = latency.compute_ns
        markets["seat"]["entry_delay"][:, seat] = magnitude(latency.entry_mean_ns)
        markets["seat"]["data_delay"][:, seat] = magnitude(latency.data.mean_ns)
    for name, memory in zip(Lines._fields, lines, strict=True):
        markets[name] = [memory[number].ctypes.data for number in range(markets.size)]
    markets["history_steps"] = lines.history.shape[1]
    return lines


def magnitude(nanoseconds: float) -> float:
    """Return a delay as seats see it: its order of magnitude from 0 for none over 1 for a second."""
    return math.log10(1.0 + 1e-3 * nanoseconds) / 6.0


def _write_delay(row: NDArray[np.void], delay: Delay) -> None:
    for name in DELAY.names or ():
        row[name] = getattr(delay, name)


@inlined
def lines_of(market):  # type: ignore[no-untyped-def]
    """Return the LINE rows of a market, one a seat."""
    return carray(pointer(market.line), (market.seat_count,), LINE)


@inlined
def landings_of(market):  # type: ignore[no-untyped-def]
    """Return the LANDING rows of a market's last step; `market.landing_count` of them are valid."""
    return carray(pointer(market.landing), (market.seat_count * (SEAT_IN_FLIGHT + SEAT_COMMANDS),), LANDING)


@inlined
def history_of(market):  # type: ignore[no-untyped-def]
    """Return the PUBLIC rows of a market's last `market.history_steps` steps."""
    return carray(pointer(market.history), (market.history_steps,), PUBLIC)


@compiled
def seen_row(market, seat_index):  # type: ignore[no-untyped-def]
    """Return the row of the history that a seat sees."""
    return (market.public.step - lines_of(market)[seat_index].data_steps) % market.history_steps


@compiled
def draw_delay(line, delay):  # type: ignore[no-untyped-def]
    """Return a delay drawn from a line's stream, in nanoseconds."""
    nanoseconds = delay.floor_ns
    if delay.uniform_ns > 0.0:
        nanoseconds += delay.uniform_ns * uniform(line)
    if delay.exponential_ns > 0.0:
        nanoseconds += delay.exponential_ns * exponential(line)
    if delay.lognormal_ns > 0.0:
        nanoseconds += delay.lognormal_ns * math.exp(delay.sigma * normal(line))
    return min(nanoseconds, delay.longest_ns)


@compiled
def keep_public(market, step_ns):  # type: ignore[no-untyped-def]
    """Keep the record just published, and draw how old the one is that each seat sees until the next."""
    step, depth = market.public.step, market.history_steps
    lines, history = lines_of(market), history_of(market)
    if depth > 0:
        copy_record(history[step % depth], market.public)
        for i in range(depth):  # the clock is everybody's own
            history[i].step = step
            history[i].time_ns = market.public.time_ns
    for i in range(market.seat_count):
        line = lines[i]
        begin_stream(line, step)
        if depth > 0:
            late = np.int64(math.ceil(draw_delay(line, line.data) / step_ns))
            line.data_steps = min(late, line.data_steps + 1)


@compiled
def open_lines(market, step_ns):  # type: ignore[no-untyped-def]
    """Let nothing be on its way, and everybody see the record of the opening."""
    lines, history = lines_of(market), history_of(market)
    for i in range(market.seat_count):
        line = lines[i]
        line.random_key = market.seat[i].random_key ^ LINE_KEY
        line.last_arrival_ns = market.time_ns
        line.data_steps = market.history_steps
        line.sent = 0
        line.ended = 0
    for i in range(market.history_steps):
        copy_record(history[i], market.public)
    market.landing_count = 0
    keep_public(market, step_ns)


@compiled
def begin_history(market):  # type: ignore[no-untyped-def]
    """Let what was kept before the session count as nothing traded in it."""
    history = history_of(market)
    for i in range(market.history_steps):
        history[i].session_lots = 0


@compiled
def list_landing(market, seat_index, after_ns, refusal, command):  # type: ignore[no-untyped-def]
    """Append a command to what ends its way in this step."""
    landing = landings_of(market)[market.landing_count]
    market.landing_count += 1
    landing.after_ns = after_ns
    landing.seat = seat_index
    landing.refusal = refusal
    copy_record(landing.command, command)


@compiled
def send_commands(market):  # type: ignore[no-untyped-def]
    """Put what the seats have written on its way."""
    lines = lines_of(market)
    for i in range(market.seat_count):
        line, seat = lines[i], market.seat[i]
        for j in range(seat.command_count):
            if line.sent - line.ended == SEAT_IN_FLIGHT:
                list_landing(market, i, 0, TOO_MANY_IN_FLIGHT, seat.command[j])
                continue
            arrival_ns = market.time_ns + np.int64(line.compute_ns + draw_delay(line, line.entry))
            line.last_arrival_ns = max(line.last_arrival_ns, arrival_ns)
            flight = line.flight[line.sent % SEAT_IN_FLIGHT]
            line.sent += 1
            flight.arrival_ns = line.last_arrival_ns
            copy_record(flight.command, seat.command[j])


@compiled
def comes_before(lines, first, second):  # type: ignore[no-untyped-def]
    """Return whether the next command of one seat comes before that of another."""
    one, other = lines[first], lines[second]
    return one.next_ns < other.next_ns or (one.next_ns == other.next_ns and one.place < other.place)


@compiled
def sink(lines, entry, count):  # type: ignore[no-untyped-def]
    """Move an entry of the heap down until none below it comes before it."""
    seat = lines[entry].waiting
    while 2 * entry + 1 < count:
        below = 2 * entry + 1
        if below + 1 < count and comes_before(lines, lines[below + 1].waiting, lines[below].waiting):
            below += 1
        if not comes_before(lines, lines[below].waiting, seat):
            break
        lines[entry].waiting = lines[below].waiting
        entry = below
    lines[entry].waiting = seat


@inlined
def is_due(line, end_ns):  # type: ignore[no-untyped-def]
    """Note when the next command of a line arrives; return whether the venue takes it before `end_ns`."""
    if line.ended == line.sent or line.taken == SEAT_COMMANDS:
        return False
    line.next_ns = line.flight[line.ended % SEAT_IN_FLIGHT].arrival_ns
    return line.next_ns < end_ns


@compiled
def collect_landings(market, step_ns):  # type: ignore[no-untyped-def]
    """List what ends its way in this step, in order; return how many commands that is."""
    market.landing_count = 0
    send_commands(market)
    lines = lines_of(market)
    begin_ns, end_ns = market.time_ns, market.time_ns + step_ns
    count = 0
    for place in range(market.seat_count):
        index = market.arrival[place]
        line = lines[index]
        line.place = place
        line.taken = 0
        if is_due(line, end_ns):
            lines[count].waiting = index
            count += 1
    for entry in range(count // 2 - 1, -1, -1):
        sink(lines, entry, count)
    after_ns = 0
    while count > 0:
        index = np.int64(lines[0].waiting)
        line = lines[index]
        after_ns = max(line.next_ns - begin_ns, 0)
        list_landing(market, index, after_ns, NO_REASON, line.flight[line.ended % SEAT_IN_FLIGHT].command)
        line.ended += 1
        line.taken += 1
        if not is_due(line, end_ns):
            count -= 1
            lines[0].waiting = lines[count].waiting
        sink(lines, 0, count)
    if market.public.step + 1 == market.public.session_steps:
        for i in range(market.seat_count):
            recall(market, i, after_ns, SESSION_OVER)
    return market.landing_count


@compiled
def recall(market, seat_index, after_ns, reason):  # type: ignore[no-untyped-def]
    """Let everything that a seat has on its way be rejected for `reason`."""
    line = lines_of(market)[seat_index]
    while line.ended < line.sent:
        list_landing(market, seat_index, after_ns, reason, line.flight[line.ended % SEAT_IN_FLIGHT].command)
        line.ended += 1


@compiled
def admit(market, number, begin_ns):  # type: ignore[no-untyped-def]
    """Set the clock to landing `number` of the step that began at `begin_ns`; reject what the venue does not take.

    Returns its seat, and how many commands there are to carry out: one, or none.
    """
    landing = landings_of(market)[number]
    market.time_ns = begin_ns + landing.after_ns
    if landing.refusal == NO_REASON:
        return landing.seat, 1
    reject(market, landing.seat, landing.command, landing.refusal)
    return landing.seat, 0
