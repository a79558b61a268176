"""Record what reached a market, keep it in a file, and let the same happen again, bit for bit.

A recording is the market as it stood when it began and every command since, step by step in the order and at the time
of arrival: the engine draws no luck of its own, so that is all there is to know.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.recfunctions import assign_fields_by_name
from numpy.typing import NDArray

from marl_market.exchange.command_stream import EVENTS_PER_COMMAND, check_stream
from marl_market.exchange.compiled import compiled
from marl_market.exchange.order_entry import NO_REASON, process, reject
from marl_market.exchange.records import CAPACITY_SEATS, COMMAND, EVENT, market_dtype
from marl_market.exchange.session import begin_step, end_step

COUNTS = np.dtype(np.int64)
COLUMNS = {"seat": np.dtype(np.int32), "command": COMMAND, "arrivals": COUNTS, "after_ns": COUNTS, "rejection": COUNTS}
LATE = ("connection", "delivery", "history", "history_steps")
"""Addresses, which mean something only to the process that wrote them; what they lead to is in what arrives."""


@dataclass(frozen=True)
class CommandLog:
    """Everything that reached one market.

    Attributes:
        opening: (1,) market record before the first command.
        seat: (commands,) int32, who sent each.
        command: (commands,) COMMAND rows in the order of arrival.
        arrivals: (steps,) int64, how many arrived in each step.
        after_ns: (commands,) int64, when each arrived, since the beginning of its step.
        refusal: (commands,) int64, Reason why the venue did not take it; Reason.NONE of what it took.
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
    for name in LATE:
        opening[name] = 0
    return opening


@compiled
def carry_out_steps(markets, seat, command, after_ns, rejection, arrivals, step_ns, first, collected):  # type: ignore[no-untyped-def]
    """Carry out steps from number `first` on until all are done or `collected` has no room for a full buffer.

    Returns the number of the next step, of the next command and of events collected. The order of what happens in a
    step is that of `marl_market.env.step.step.trade_once`.
    """
    market = markets[0]
    i = 0
    events = 0
    step = first
    while step < arrivals.size and events + market.event.size <= collected.size:
        market.event_count = 0
        market.public.step_trades = 0
        market.public.step_lots[:] = 0
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
    """Let the recorded commands happen again; return the events (EVENT rows) and the (1,) market as they leave it.

    Nothing is decided or scored again: what the seats saw is in what they sent. Raises ValueError where the parts of
    the recording do not fit each other.
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
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, **{name: getattr(log, name) for name in ("opening", *COLUMNS, "step_ns")})
    part.replace(path)


def load_log(path: Path) -> CommandLog:
    """Return the recording that `save_log` wrote; raises ValueError naming the file and what does not fit in it."""
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
    # A file keeps the places of the fields but not that they are aligned, by which compiled functions tell records.
    types = {"opening": known[0], **COLUMNS}
    columns = {name: arrays[name].view(dtype) for name, dtype in types.items()}
    return CommandLog(**columns, step_ns=int(arrays["step_ns"]))
