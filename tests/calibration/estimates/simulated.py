"""Tapes of known parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marl_market.market.tape import FLOW, ORDER, QUOTE, TRADE, FlowKind, Outcome, Tape

SECOND = 1_000_000_000


def quotes(rows: Sequence[tuple[float, int, int]], lots: int = 100) -> NDArray[np.void]:
    """Return quotes from (seconds, bid, ask)."""
    found = np.zeros(len(rows), QUOTE)
    for name, column in zip(("time_ns", "bid_price_ticks", "ask_price_ticks"), zip(*rows, strict=True), strict=True):
        found[name] = np.multiply(column, SECOND if name == "time_ns" else 1)
    found["bid_quantity_lots"] = found["ask_quantity_lots"] = lots
    return found


def flow(
    kind: FlowKind,
    seconds: NDArray[np.float64],
    side: object = 1,
    price: object = 0,
    offset: object = 0,
    lots: object = 1,
) -> NDArray[np.void]:
    """Return flow rows of one kind."""
    found = np.zeros(len(seconds), FLOW)
    columns = {"kind": kind, "side": side, "price_ticks": price, "offset_ticks": offset, "quantity_lots": lots}
    found["time_ns"] = np.round(np.asarray(seconds) * SECOND)
    for name, column in columns.items():
        found[name] = column
    return found


def tape(
    quoted: NDArray[np.void], *parts: NDArray[np.void], orders: NDArray[np.void] | None = None, seconds: float = 100.0
) -> Tape:
    """Return a tape of one session from time 0 on."""
    rows = np.concatenate([np.zeros(0, FLOW), *parts])
    rows = rows[np.argsort(rows["time_ns"], kind="stable")]
    sessions = np.array([[0, round(seconds * SECOND)]])
    kept = np.zeros(0, ORDER) if orders is None else orders
    return Tape(0.01, 1.0, quoted, np.zeros(0, TRADE), rows, kept, sessions)


def lives(
    begin: NDArray[np.float64], end: NDArray[np.float64], price: object, side: object = 1, close: float = np.inf
) -> NDArray[np.void]:
    """Return orders that are canceled at their ends, those after the close open until then."""
    found = np.zeros(len(begin), ORDER)
    found["time_ns"], found["end_ns"] = np.round(begin * SECOND), np.round(np.minimum(end, close) * SECOND)
    found["outcome"] = np.where(end < close, Outcome.CANCELED, Outcome.OPEN)
    found["side"], found["price_ticks"], found["quantity_lots"] = side, price, 1
    return found
