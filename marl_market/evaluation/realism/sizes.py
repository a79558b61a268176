"""Sizes of orders."""

from __future__ import annotations

import math

import numpy as np

from marl_market.evaluation.realism.best_quotes import Whole
from marl_market.evaluation.realism.tails import hill
from marl_market.market.tape import FlowKind, Tape


def limit_size(tape: Tape) -> Whole:
    """Return the lots of each limit order."""
    return _sizes(tape, FlowKind.LIMIT)


def cancel_size(tape: Tape) -> Whole:
    """Return the lots of each cancel, whole or in part."""
    return _sizes(tape, FlowKind.CANCEL)


def market_size(tape: Tape) -> Whole:
    """Return the lots of each market order, the fills of one aggressor at one time together."""
    return _sizes(tape, FlowKind.MARKET)


def modal_size_share(tape: Tape) -> float:
    """Return the share of limit orders that have the commonest size (round lots: about half of AAPL's, 2012)."""
    sizes = limit_size(tape)
    return float(np.unique(sizes, return_counts=True)[1].max() / len(sizes)) if len(sizes) else math.nan


def market_size_tail(tape: Tape) -> float:
    """Return Hill's exponent of the largest 5 % of market orders (about 1.5 to 2.5: Gopikrishnan et al. 2000)."""
    return hill(market_size(tape))


def _sizes(tape: Tape, kind: FlowKind) -> Whole:
    lots: Whole = tape.flow["quantity_lots"][tape.flow["kind"] == kind]
    return lots
