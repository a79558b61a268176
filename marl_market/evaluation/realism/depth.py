"""Quantity at the best quotes."""

from __future__ import annotations

import math

from marl_market.evaluation.realism.spread import EVERY_SECONDS
from marl_market.evaluation.realism.touch import Real, Whole, grid, touch_of
from marl_market.market.tape import Tape


def bid_lots(tape: Tape) -> Whole:
    """Return the lots at the best bid each tenth of a second (LOB-Bench, `bid volume at touch`)."""
    _, rows, _ = grid(tape, EVERY_SECONDS)
    return touch_of(tape).bid_lots[rows]


def ask_lots(tape: Tape) -> Whole:
    """Return the lots at the best ask each tenth of a second (LOB-Bench, `ask volume at touch`)."""
    _, rows, _ = grid(tape, EVERY_SECONDS)
    return touch_of(tape).ask_lots[rows]


def touch_imbalance(tape: Tape) -> Real:
    """Return (bid lots - ask lots) / (bid lots + ask lots) each tenth of a second (LOB-Bench, `imbalance`)."""
    bid, ask = bid_lots(tape), ask_lots(tape)
    return (bid - ask) / (bid + ask)


def mean_touch_lots(tape: Tape) -> float:
    """Return the mean lots of a best quote: the mean of (bid lots + ask lots) / 2 each tenth of a second."""
    bid, ask = bid_lots(tape), ask_lots(tape)
    return float((bid + ask).mean()) / 2 if len(bid) else math.nan
