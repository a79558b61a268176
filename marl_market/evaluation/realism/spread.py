"""The spread."""

from __future__ import annotations

import math

from marl_market.evaluation.realism.best_quotes import Whole, best_quotes, grid
from marl_market.market.tape import Tape

EVERY_SECONDS = 0.1


def spread(tape: Tape) -> Whole:
    """Return ask - bid in ticks each tenth of a second (LOB-Bench 2025, Nagy et al., score `spread`)."""
    _, rows, _ = grid(tape, EVERY_SECONDS)
    return best_quotes(tape).spread[rows]


def mean_spread(tape: Tape) -> float:
    """Return the mean of `spread`, ticks."""
    values = spread(tape)
    return float(values.mean()) if len(values) else math.nan
