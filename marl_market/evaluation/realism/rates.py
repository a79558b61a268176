"""How many messages come."""

from __future__ import annotations

import math

from marl_market.evaluation.realism.best_quotes import seconds_of, session_of
from marl_market.market.tape import FlowKind, Tape


def rate(tape: Tape, kind: FlowKind) -> float:
    """Return the limit orders, cancels or market orders in a second of the sessions; NaN where those last no time."""
    seconds = seconds_of(tape)
    rows = tape.flow["time_ns"][tape.flow["kind"] == kind]
    return float((session_of(tape, rows) >= 0).sum()) / seconds if seconds else math.nan
