"""Publication of market data: the public record, rebuilt from the book."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.book import SLOT_MASK
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.records import PUBLIC_LEVELS


@inlined
def publish_side(market, index):  # type: ignore[no-untyped-def]
    """Copy the best levels of one side, best first, and keep its previous best level; return the number of levels."""
    book = market.book
    best = market.public.level[index, 0]
    earlier = market.public.previous_best[index]
    earlier.price_ticks = best.price_ticks
    earlier.quantity_lots = best.quantity_lots if market.public.depth[index] > 0 else 0
    count = book.count[index]
    depth = min(count, PUBLIC_LEVELS)
    for i in range(depth):
        level = book.level[book.ladder[index, count - 1 - i] & SLOT_MASK]
        published = market.public.level[index, i]
        published.price_ticks = level.price_ticks
        published.quantity_lots = level.quantity_lots
        published.orders = level.count
    market.public.depth[index] = depth
    return depth


@compiled
def publish(market):  # type: ignore[no-untyped-def]
    """Publish best bid and offer, levels, reference price and mark.

    A quote moves the mark only after it has stood through a whole step, in which every seat could have traded with
    it: the mark is the middle of the worse of the last two bids and the worse of the last two asks.
    """
    public = market.public
    had_bid, had_ask = public.depth[0] > 0, public.depth[1] > 0
    earlier_bid, earlier_ask = np.int64(public.best_bid), np.int64(public.best_ask)
    public.previous_reference_ticks = public.reference_ticks
    bids = publish_side(market, 0)
    asks = publish_side(market, 1)
    public.time_ns = market.time_ns
    if bids > 0:
        public.best_bid = public.level[0, 0].price_ticks
    if asks > 0:
        public.best_ask = public.level[1, 0].price_ticks
    bid, ask = np.int64(public.best_bid), np.int64(public.best_ask)
    if bids > 0 and asks > 0:
        public.reference_ticks = 0.5 * (bid + ask)
        if had_bid and had_ask:
            public.twice_mark_ticks = min(bid, earlier_bid) + max(ask, earlier_ask)
    elif bids > 0:
        public.reference_ticks = max(public.reference_ticks, np.float64(bid))
    elif asks > 0:
        public.reference_ticks = min(public.reference_ticks, np.float64(ask))


@compiled
def twice_profit(market_public, account):  # type: ignore[no-untyped-def]
    """Return twice an account's profit in cash units: cash plus the position at the mark, whatever that is."""
    twice_value = np.float64(account.position) * market_public.twice_mark_ticks * market_public.cash_per_tick_lot
    return 2.0 * account.cash + twice_value
