"""Record what reached a market, keep it in a file, and let the same happen again, bit for bit.

A recording is the market as it stood when it began and every command since, in the order of arrival: the engine draws
no luck of its own, so that is all there is to know.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.records import CAPACITY_SEATS, COMMAND, market_dtype
from marl_market.exchange.stream import process_stream

COLUMNS = {"seat": np.dtype(np.int32), "time_ns": np.dtype(np.int64), "command": COMMAND}
ADDRESSES = ("trader", "decoder")
"""Fields of a seat that mean something only to the process that wrote them."""


@dataclass(frozen=True)
class CommandLog:
    """Everything that reached one market.

    Attributes:
        opening: (1,) market record before the first command.
        seat: (commands,) int32, who sent each.
        time_ns: (commands,) int64, when it arrived.
        command: (commands,) COMMAND rows in the order of arrival.
    """

    opening: NDArray[np.void]
    seat: NDArray[np.int32]
    time_ns: NDArray[np.int64]
    command: NDArray[np.void]


def opening_of(markets: NDArray[np.void], number: int) -> NDArray[np.void]:
    """Return a copy of market `number` as a recording keeps it: without the addresses of compiled functions."""
    opening = markets[number : number + 1].copy()
    for name in ADDRESSES:
        opening["seat"][name] = 0
    return opening


def replay(log: CommandLog) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Let the recorded commands happen again; return the events (EVENT rows) and the (1,) market as they leave it.

    Nothing is decided, published or scored again: what the seats saw is in what they sent.
    """
    markets = log.opening.copy()
    events = process_stream(markets, log.seat, log.time_ns, log.command)
    return events, markets


def save_log(path: Path, log: CommandLog) -> None:
    """Write `log` to `path`; a reader sees the old file or the whole new one, never a part."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, opening=log.opening, seat=log.seat, time_ns=log.time_ns, command=log.command)
    part.replace(path)


def load_log(path: Path) -> CommandLog:
    """Return the recording that `save_log` wrote; raises ValueError naming the file and what does not fit in it."""
    names = ("opening", *COLUMNS)
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
    return CommandLog(**{name: arrays[name].view(dtype) for name, dtype in types.items()})
