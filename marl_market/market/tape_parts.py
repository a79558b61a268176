"""Parts of tapes: one tape after the other, and stretches of time of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marl_market.market.tape import Outcome, Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

TABLES = ("quotes", "trades", "flow", "orders")


def joined(tapes: Sequence[Tape], shifts_ns: Sequence[int]) -> dict[str, NDArray[np.void]]:
    """Return the tables of all tapes by name, the times of each tape `shifts_ns` later than it says."""
    return {
        name: np.concatenate([later(getattr(tape, name), by) for tape, by in zip(tapes, shifts_ns, strict=True)])
        for name in TABLES
    }


def in_a_row(tapes: Sequence[Tape]) -> Tape:
    """Return one or more tapes of one tick and lot as one, each a second after the one before it.

    The first keeps its times; the sessions of each stay its own.
    """
    spans = [(int(tape.sessions.min()), int(tape.sessions.max())) for tape in tapes]
    shifts, end_ns = [], spans[0][0] - NANOSECONDS_PER_SECOND
    for begin, last in spans:
        shifts.append(end_ns + NANOSECONDS_PER_SECOND - begin)
        end_ns = last + shifts[-1]
    sessions = np.concatenate([tape.sessions + shift for tape, shift in zip(tapes, shifts, strict=True)])
    tables = joined(tapes, shifts)
    first = tapes[0]
    return Tape(
        first.tick_size,
        first.lot_size,
        tables["quotes"],
        tables["trades"],
        tables["flow"],
        tables["orders"],
        sessions,
    )


def later(table: NDArray[np.void], by_ns: int) -> NDArray[np.void]:
    """Return the rows of a table with their times `by_ns` later."""
    rows = table.copy()
    for name in rows.dtype.names or ():
        if name == "first_fill_ns":
            rows[name][rows["filled_lots"] > 0] += by_ns
        elif name.endswith("_ns"):
            rows[name] += by_ns
    return rows


def between(tape: Tape, start_ns: int, end_ns: int) -> Tape:
    """Return what happens from `start_ns` up to, but without, `end_ns`.

    The quote in force at the start is the first one, at that time; orders that are there longer than the end are open.
    """
    tables = {name: _rows_between(getattr(tape, name), start_ns, end_ns) for name in ("trades", "flow", "orders")}
    first, last = np.searchsorted(tape.quotes["time_ns"], [start_ns, end_ns])
    in_force = np.searchsorted(tape.quotes["time_ns"], start_ns, side="right") - 1
    if in_force >= 0:
        first = in_force
    quotes = tape.quotes[first:last].copy()
    quotes["time_ns"] = np.maximum(quotes["time_ns"], start_ns)
    orders = tables["orders"].copy()
    beyond = orders["end_ns"] >= end_ns
    orders["end_ns"][beyond], orders["outcome"][beyond] = end_ns, Outcome.OPEN
    unfilled = beyond & (orders["first_fill_ns"] >= end_ns)
    orders["first_fill_ns"][unfilled], orders["filled_lots"][unfilled] = 0, 0
    sessions = np.clip(tape.sessions, start_ns, end_ns)
    sessions = sessions[sessions[:, 1] > sessions[:, 0]]
    return Tape(tape.tick_size, tape.lot_size, quotes, tables["trades"], tables["flow"], orders, sessions)


def parts(tape: Tape, spans_ns: Sequence[tuple[int, int]]) -> Tape:
    """Return what happens in some stretches of time, each up to, but without, its end, in order; none may be empty.

    Each is a session of its own, or has several.
    """
    found = [between(tape, start, end) for start, end in spans_ns]
    sessions = np.concatenate([np.zeros((0, 2), np.int64), *(each.sessions for each in found)])
    tables = joined(found, [0] * len(found)) if found else {name: getattr(tape, name)[:0] for name in TABLES}
    return Tape(
        tape.tick_size,
        tape.lot_size,
        tables["quotes"],
        tables["trades"],
        tables["flow"],
        tables["orders"],
        sessions,
    )


def _rows_between(table: NDArray[np.void], start_ns: int, end_ns: int) -> NDArray[np.void]:
    first, last = np.searchsorted(table["time_ns"], [start_ns, end_ns])
    rows: NDArray[np.void] = table[first:last]
    return rows
