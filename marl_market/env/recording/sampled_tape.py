"""A recorded tape as a market publishes its own: one TAPE_ROW a step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl_market.env.interface.records import TAPE_ROW
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import Side, Tape


class Sampled(NamedTuple):
    """A session of a tape in steps.

    Attributes:
        start_ns: time at which the first step begins.
        rows: TAPE_ROW records (steps, 1).
    """

    start_ns: int
    rows: NDArray[np.void]


def sampled_sessions(tape: Tape, spec: MarketSpec) -> list[Sampled]:
    """Return each session of a tape in the steps and in ticks and lots of `spec`.

    A step holds the trades from its beginning to before its end, and the quote just before its end. Steps before the
    first quote with both sides are left out.
    """
    sessions = [_session(tape, spec, int(start), int(end)) for start, end in tape.sessions.tolist()]
    return [session for session in sessions if len(session.rows)]


def _session(tape: Tape, spec: MarketSpec, start_ns: int, end_ns: int) -> Sampled:
    """Return the whole steps from `start_ns` to `end_ns`."""
    edges = np.arange(start_ns, end_ns + 1, spec.step_ns)
    first = np.searchsorted(tape.quotes["time_ns"], start_ns)
    quotes = tape.quotes[first:]
    quoted = np.searchsorted(quotes["time_ns"], edges[1:]) - 1
    rows = np.zeros(len(edges) - 1, TAPE_ROW)[quoted >= 0]
    if not len(rows):
        return Sampled(start_ns, rows[:, None])
    quote, edges = quotes[quoted[quoted >= 0]], edges[np.append(quoted >= 0, True)]
    ticks, lots = tape.tick_size / spec.tick_size, tape.lot_size / spec.lot_size
    for side in ("bid", "ask"):
        rows[f"{side}_quantity_lots"] = np.round(quote[f"{side}_quantity_lots"] * lots)
        rows[f"{side}_price_ticks"] = np.round(quote[f"{side}_price_ticks"] * ticks)
    both = (quote["bid_quantity_lots"] > 0) & (quote["ask_quantity_lots"] > 0)
    middle = 0.5 * (rows["bid_price_ticks"] + rows["ask_price_ticks"].astype(np.float64))
    newest = np.maximum.accumulate(np.where(both, np.arange(len(rows)), -1))
    rows["reference_ticks"] = middle[np.maximum(newest, 0)]
    _add_trades(rows, tape, edges, ticks, lots)
    begin = int((newest < 0).sum())
    return Sampled(int(edges[begin]), rows[begin:][:, None])


def _add_trades(rows: NDArray[np.void], tape: Tape, edges: NDArray[np.int64], ticks: float, lots: float) -> None:
    """Add the trades of each step, those at its beginning included."""
    step = np.searchsorted(edges, tape.trades["time_ns"], side="right") - 1
    inside = (step >= 0) & (step < len(rows))
    trades, step = tape.trades[inside], step[inside]
    rows["trades"] = np.bincount(step, minlength=len(rows))
    for side, name in ((Side.BUY, "bought_lots"), (Side.SELL, "sold_lots")):
        own = trades["aggressor_side"] == side
        rows[name] = np.round(np.bincount(step[own], trades["quantity_lots"][own] * lots, len(rows)))
    last = np.searchsorted(step, np.arange(len(rows)), side="right") - 1
    traded = trades["price_ticks"] if len(trades) else np.zeros(1, np.int32)
    rows["last_trade_ticks"] = np.round(traded[np.maximum(last, 0)] * ticks)
