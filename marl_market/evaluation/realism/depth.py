"""Quantity at the best quotes."""

from __future__ import annotations

import math

from marl_market.evaluation.realism.best_quotes import Real, Whole, best_quotes, grid
from marl_market.evaluation.realism.spread import EVERY_SECONDS
from marl_market.market.tape import Tape


def bid_lots(tape: Tape) -> Whole:
    """Return the lots at the best bid each tenth of a second (LOB-Bench, `best bid volume`)."""
    _, rows, _ = grid(tape, EVERY_SECONDS)
    return best_quotes(tape).bid_lots[rows]


def ask_lots(tape: Tape) -> Whole:
    """Return the lots at the best ask each tenth of a second (LOB-Bench, `best ask volume`)."""
    _, rows, _ = grid(tape, EVERY_SECONDS)
    return best_quotes(tape).ask_lots[rows]


def quote_imbalance(tape: Tape) -> Real:
    """Return (bid lots - ask lots) / (bid lots + ask lots) each tenth of a second (LOB-Bench, `imbalance`)."""
    bid, ask = bid_lots(tape), ask_lots(tape)
    return (bid - ask) / (bid + ask)


def mean_best_lots(tape: Tape) -> float:
    """Return the mean lots of a best quote: the mean of (bid lots + ask lots) / 2 each tenth of a second."""
    bid, ask = bid_lots(tape), ask_lots(tape)
    return float((bid + ask).mean()) / 2 if len(bid) else math.nan
