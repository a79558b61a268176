"""Which seats are in the market: one that has left keeps its account, and nothing that it sends is accepted."""

from __future__ import annotations

from marl_market.exchange.compiled import compiled
from marl_market.exchange.order_entry import cancel_all


@compiled
def leave(market, seat_index):  # type: ignore[no-untyped-def]
    """Take a seat out of the market: its open orders are canceled, its account stays as it is."""
    cancel_all(market, seat_index)
    market.seat[seat_index].present = 0
