"""Where orders are placed and canceled."""

from __future__ import annotations

import numpy as np

from marl_market.evaluation.realism.best_quotes import Whole, best_quotes
from marl_market.market.tape import FlowKind, Side, Tape


def limit_offset(tape: Tape) -> Whole:
    """Return the distance of each limit order from the opposite best price just before, ticks."""
    ticks: Whole = tape.flow["offset_ticks"][tape.flow["kind"] == FlowKind.LIMIT]
    return ticks


def depth_from_mid(tape: Tape, kind: FlowKind, side: Side) -> Whole:
    """Return the distance of limit orders or cancels of a side from the mid just before, half ticks, away from it.

    LOB-Bench, `limit/cancel order depth`, of the ask and of the bid side.
    """
    best = best_quotes(tape)
    rows = tape.flow[(tape.flow["kind"] == kind) & (tape.flow["side"] == side)]
    if not len(best.time_ns):
        return np.zeros(0, np.int64)
    return side * (best.mid[best.at(rows["time_ns"], before=True)] - 2 * rows["price_ticks"].astype(np.int64))
