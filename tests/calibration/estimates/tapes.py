"""Tapes of hand-made order flow."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from marl_market.market.tape import FLOW, QUOTE, TRADE, Tape


def tape_of(flow: Any, quotes: Sequence[Any] = (), trades: Sequence[Any] = (), **changes: Any) -> Tape:
    """Return a tape of rows in the order of their columns."""
    rows = flow if isinstance(flow, np.ndarray) else np.array(flow, FLOW)
    return Tape(0.01, 1.0, np.array(list(quotes), QUOTE), np.array(list(trades), TRADE), rows, **changes)


def flow_rows(seconds: Any, kind: Any, side: Any) -> Any:
    """Return FLOW rows of one lot each."""
    rows = np.zeros(len(seconds), FLOW)
    rows["time_ns"] = np.round(np.asarray(seconds) * 1e9)
    rows["kind"], rows["side"], rows["quantity_lots"] = kind, side, 1
    return rows
