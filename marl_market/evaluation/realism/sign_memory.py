"""Memory of the signs of market orders."""

from __future__ import annotations

from marl_market.evaluation.realism.autocorrelation import autocorrelation, decay_exponent
from marl_market.evaluation.realism.market_orders import market_orders
from marl_market.market.tape import Tape


def sign_memory(tape: Tape, lag: int) -> float:
    """Return the autocorrelation of the signs of market orders, `lag` orders apart (Lillo and Farmer 2004)."""
    orders = market_orders(tape)
    return autocorrelation(orders.side, orders.session, lag)


def sign_memory_decay(tape: Tape) -> float:
    """Return g of the decay lag^-g of sign memory over 100 orders: .4 to .7 (Lillo and Farmer 2004)."""
    orders = market_orders(tape)
    return decay_exponent(orders.side, orders.session)
