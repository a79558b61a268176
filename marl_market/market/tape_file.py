"""Keep a tape in one compressed NumPy file, bit for bit."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from marl_market.market.tape import FLOW, ORDER, QUOTE, TRADE, Tape
from marl_market.market.whole_file import whole_file

TABLES = {"quotes": QUOTE, "trades": TRADE, "flow": FLOW, "orders": ORDER}
PLAIN = ("tick_size", "lot_size", "sessions")


def save_tape(path: Path, tape: Tape) -> None:
    """Write `tape` to `path`; a reader sees the old file or the whole new one, never a part."""
    with whole_file(path) as file:
        np.savez_compressed(
            file,
            tick_size=np.float64(tape.tick_size),
            lot_size=np.float64(tape.lot_size),
            quotes=tape.quotes,
            trades=tape.trades,
            flow=tape.flow,
            orders=tape.orders,
            sessions=tape.sessions,
        )


def load_tape(path: Path) -> Tape:
    """Return the tape that `save_tape` wrote; raises ValueError naming the file and its invalid array."""
    try:
        # NumPy leaves a file open that it opened and could not read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in (*PLAIN, *TABLES)}
    except KeyError as error:
        raise ValueError(f"{path} has no array {error}; a tape has {[*PLAIN, *TABLES]}") from None
    except (zipfile.BadZipFile, EOFError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no tape file: {error}") from error
    for name, dtype in TABLES.items():
        if arrays[name].dtype != dtype or arrays[name].ndim != 1:
            found = f"{arrays[name].ndim} dimension(s) of {arrays[name].dtype}"
            raise ValueError(f"{path}: {name} has {found}; it must have one of {dtype}")
    sessions = arrays["sessions"]
    if sessions.dtype != np.int64 or sessions.ndim != 2 or sessions.shape[1] != 2:
        raise ValueError(
            f"{path}: sessions has {sessions.dtype} of shape {sessions.shape}; it must have (n, 2) of int64"
        )
    return Tape(
        tick_size=float(arrays["tick_size"]),
        lot_size=float(arrays["lot_size"]),
        quotes=arrays["quotes"],
        trades=arrays["trades"],
        flow=arrays["flow"],
        orders=arrays["orders"],
        sessions=sessions,
    )
