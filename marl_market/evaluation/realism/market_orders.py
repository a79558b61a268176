"""The market orders of a tape in time order: the signed sequence that sign memory and response are measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.evaluation.realism.best_quotes import Whole, best_quotes, session_of
from marl_market.evaluation.realism.remembered import remembered
from marl_market.market.tape import FlowKind, Tape


@dataclass(frozen=True)
class MarketOrders:
    """Market orders within sessions: fills of one aggressor at one time are one.

    Attributes:
        time_ns: of each.
        side: 1 buys, -1 sells.
        lots: taken.
        session: number of its session.
        mid_before: mid just before it, half ticks.
    """

    time_ns: Whole
    side: Whole
    lots: Whole
    session: Whole
    mid_before: Whole


@remembered
def market_orders(tape: Tape) -> MarketOrders:
    """Return the market orders of a tape that has quotes; none where it has none."""
    best = best_quotes(tape)
    rows = tape.flow[tape.flow["kind"] == FlowKind.MARKET]
    rows = rows[np.argsort(rows["time_ns"], kind="stable")]
    session = session_of(tape, rows["time_ns"])
    kept = (session >= 0) & (len(best.time_ns) > 0)
    rows, session = rows[kept], session[kept]
    time_ns = rows["time_ns"].copy()
    before = best.mid[best.at(time_ns, before=True)]
    return MarketOrders(time_ns, rows["side"].astype(np.int64), rows["quantity_lots"].copy(), session, before)
