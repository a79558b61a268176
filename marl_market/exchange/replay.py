"""Replay the commands of a market, bit for bit, and keep them in a file.

A recording is the market record at its beginning and every command since, step by step in the order and at the time of
arrival: the engine draws no random numbers, so this determines everything.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.recfunctions import assign_fields_by_name
from numpy.typing import NDArray

from marl_market.exchange.capacity import CAPACITY_SEATS
from marl_market.exchange.command_stream import EVENTS_PER_COMMAND, check_stream
from marl_market.exchange.compiled import compiled
from marl_market.exchange.execution import reject
from marl_market.exchange.order_entry import NO_REASON, process
from marl_market.exchange.records import COMMAND, EVENT, market_dtype
from marl_market.exchange.session import begin_step, end_step
from marl_market.market.whole_file import whole_file

COUNTS = np.dtype(np.int64)
COLUMNS = {"seat": np.dtype(np.int32), "command": COMMAND, "arrivals": COUNTS, "after_ns": COUNTS, "rejection": COUNTS}
LATENCY_FIELDS = ("connection", "delivery", "history", "queue_history", "history_steps")
"""Addresses, valid only in the process that wrote them; a recording holds commands as they arrive, after all delays."""


@dataclass(frozen=True)
class CommandLog:
    """All commands that reached one market.

    Attributes:
        opening: (1,) market record before the first command.
        seat: (commands,) int32, the sender.
        command: (commands,) COMMAND rows in the order of arrival.
        arrivals: (steps,) int64, number of commands that arrived in each step.
        after_ns: (commands,) int64, time of arrival since the beginning of the step.
        rejection: (commands,) int64, Reason of a command rejected before it reached the engine, else Reason.NONE.
        step_ns: length of a step.
    """

    opening: NDArray[np.void]
    seat: NDArray[np.int32]
    command: NDArray[np.void]
    arrivals: NDArray[np.int64]
    after_ns: NDArray[np.int64]
    rejection: NDArray[np.int64]
    step_ns: int


def opening_of(markets: NDArray[np.void], number: int) -> NDArray[np.void]:
    """Return a copy of market `number` as a recording keeps it: without agents and addresses."""
    capacity = next(name for name, seats in CAPACITY_SEATS.items() if seats == markets.dtype["seat"].shape[0])
    opening = np.zeros(1, market_dtype(capacity))
    assign_fields_by_name(opening, markets[number : number + 1])
    for name in LATENCY_FIELDS:
        opening[name] = 0
    return opening


@compiled
def carry_out_steps(markets, seat, command, after_ns, rejection, arrivals, step_ns, first, collected):  # type: ignore[no-untyped-def]
    """Process steps from index `first` on until all are done or `collected` has no room for a full buffer.

    Returns the index of the next step, the index of the next command and the number of events. The order within a step
    is that of `marl_market.env.step.step.trade_once`.
    """
    market = markets[0]
    i = 0
    events = 0
    step = first
    while step < arrivals.size and events + market.event.size <= collected.size:
        market.event_count = 0
        begin_step(market)
        begin_ns = market.time_ns
        for _ in range(arrivals[step]):
            market.time_ns = begin_ns + after_ns[i]
            if rejection[i] == NO_REASON:
                process(market, np.int64(seat[i]), command[i])
            else:
                reject(market, np.int64(seat[i]), command[i], rejection[i])
            i += 1
        end_step(market, begin_ns + step_ns - market.time_ns)
        for j in range(market.event_count):
            collected[events + j] = market.event[j]
        events += market.event_count
        step += 1
    return step, i, events


def replay(log: CommandLog) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Process the recorded commands again; return the events (EVENT rows) and the (1,) market record after them.

    No agent acts and no reward is computed. Raises ValueError where the parts of the recording do not fit each other.
    """
    markets = log.opening.copy()
    check_stream(markets, log.seat, log.after_ns, log.command)
    if log.arrivals.min(initial=0) < 0 or log.arrivals.sum() != log.command.size:
        raise ValueError(f"arrivals add up to {log.arrivals.sum()}; the recording has {log.command.size} commands")
    collected = np.zeros(EVENTS_PER_COMMAND * log.command.size + 2 * markets["event"].shape[1], EVENT)
    parts, step, command = [collected[:0]], 0, 0
    while step < log.arrivals.size:
        rest = (log.seat[command:], log.command[command:], log.after_ns[command:], log.rejection[command:])
        step, done, events = carry_out_steps(markets, *rest, log.arrivals, log.step_ns, step, collected)
        parts.append(collected[:events].copy())
        command += done
    return np.concatenate(parts), markets


def save_log(path: Path, log: CommandLog) -> None:
    """Write `log` to `path`; a reader sees the old file or the whole new one, never a part."""
    with whole_file(path) as file:
        np.savez_compressed(file, **{name: getattr(log, name) for name in ("opening", *COLUMNS, "step_ns")})


def load_log(path: Path) -> CommandLog:
    """Return the recording that `save_log` wrote; raises ValueError naming the file and its invalid array."""
    names = ("opening", *COLUMNS, "step_ns")
    try:
        # NumPy leaves a file open that it opened and could not read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in names}
    except KeyError as error:
        raise ValueError(f"{path} has no array {error}; a recording has {list(names)}") from None
    except (zipfile.BadZipFile, EOFError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no recording: {error}") from error
    known = [dtype for dtype in map(market_dtype, CAPACITY_SEATS) if dtype == arrays["opening"].dtype]
    if arrays["opening"].shape != (1,) or not known:
        raise ValueError(f"{path}: opening is no market record of this version; record the market anew")
    for name, dtype in COLUMNS.items():
        if arrays[name].dtype != dtype or arrays[name].ndim != 1:
            found = f"{arrays[name].ndim} dimension(s) of {arrays[name].dtype}"
            raise ValueError(f"{path}: {name} has {found}; it must have one of {dtype}")
    # A file keeps the offsets of the fields but not the aligned flag, which compiled functions distinguish records by.
    types = {"opening": known[0], **COLUMNS}
    columns = {name: arrays[name].view(dtype) for name, dtype in types.items()}
    return CommandLog(**columns, step_ns=int(arrays["step_ns"]))
