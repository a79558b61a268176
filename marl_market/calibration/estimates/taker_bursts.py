"""Bursts of market orders: how many follow another at once."""

from __future__ import annotations

import numpy as np

from marl_market.calibration.estimates.quote_series import QuoteSeries, inside
from marl_market.market.tape import FlowKind, Tape

AT_ONCE_NS = 10_000_000


def following_share(tape: Tape, quotes: QuoteSeries) -> float:
    """Return the share of market orders that follow another of their side within 10 milliseconds."""
    orders = inside(tape.flow[tape.flow["kind"] == FlowKind.MARKET], quotes.sessions)
    near = (np.diff(orders["time_ns"]) < AT_ONCE_NS) & (np.diff(orders["side"]) == 0)
    return float(near.mean()) if near.size else 0.0
