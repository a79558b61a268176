"""Publication of market data: the public record, rebuilt from the book.

Two prices follow from the book, and neither believes a quote that no seat can trade with. The reference price is the
middle of the published quotes; orders, price bands and observations refer to it. The mark values positions, margins and
rewards: it is the middle of the quotes that have stood through a whole step, in which every seat could have traded with
them, the worse of the last two bids and the worse of the last two asks.

Both move only in continuous trading: in a call auction and in a halt they stay, and an auction that trades sets them to
its uncrossing price (`marl_market.exchange.auction`); its quotes have not stood. A bid and an ask farther apart than
`WIDEST_SPREAD` price scales tell no price between them, and one alone tells none either: then both prices stay, as far
as the quotes bound them (a bid from below, an ask from above). The mark then also moves to a quote that has stood, was
traded with and still stands, since all could have outbid it.

Both move by `FASTEST_MOVE` price scales a step at most. So a seat that offers far from the market pays for it: what
others take counts at a price near the one before, and no seat that quotes around the reference price follows at once.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.book import SLOT_MASK
from marl_market.exchange.codes import Phase
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.records import PUBLIC_LEVELS

CONTINUOUS, AUCTION = int(Phase.CONTINUOUS), int(Phase.AUCTION)
WIDEST_SPREAD = 10.0
FASTEST_MOVE = 100.0


@inlined
def publish_side(market, index, could_stand):  # type: ignore[no-untyped-def]
    """Copy the best levels of one side, best first, and keep its previous ones; return the number of levels."""
    book, public = market.book, market.public
    previous_depth = public.depth[index] if could_stand else 0
    public.previous_depth[index] = previous_depth
    count = book.count[index]
    depth = min(count, PUBLIC_LEVELS)
    for i in range(PUBLIC_LEVELS):
        kept, published = public.previous_level[index, i], public.level[index, i]
        kept.price_ticks = published.price_ticks
        kept.quantity_lots = published.quantity_lots
    if previous_depth == 0:
        public.previous_level[index, 0].quantity_lots = 0
    for i in range(depth):
        level = book.level[book.ladder[index, count - 1 - i] & SLOT_MASK]
        published = public.level[index, i]
        published.price_ticks = level.price_ticks
        published.quantity_lots = level.quantity_lots
        published.orders = level.count
    public.depth[index] = depth
    return depth


@compiled
def publish(market):  # type: ignore[no-untyped-def]
    """Publish best bid and offer, levels, reference price, mark and the phase of the step that has ended."""
    public = market.public
    could_stand = public.phase != AUCTION
    had_bid, had_ask = public.depth[0] > 0 and could_stand, public.depth[1] > 0 and could_stand
    earlier_bid, earlier_ask = np.int64(public.best_bid), np.int64(public.best_ask)
    public.previous_reference_ticks = public.reference_ticks
    bids = publish_side(market, 0, could_stand)
    asks = publish_side(market, 1, could_stand)
    public.time_ns = market.time_ns
    public.phase = market.phase
    if bids > 0:
        public.best_bid = public.level[0, 0].price_ticks
    if asks > 0:
        public.best_ask = public.level[1, 0].price_ticks
    if market.phase != CONTINUOUS:
        return
    bid, ask = np.int64(public.best_bid), np.int64(public.best_ask)
    widest = WIDEST_SPREAD * public.price_scale_ticks
    reference, mark = public.reference_ticks, public.twice_mark_ticks
    if bids > 0 and asks > 0 and ask - bid <= widest:
        public.reference_ticks = 0.5 * (bid + ask)
    else:
        public.reference_ticks = bounded(reference, np.float64(bid), np.float64(ask), bids > 0, asks > 0)
    low, high = 2 * min(bid, earlier_bid), 2 * max(ask, earlier_ask)
    bid_stands, ask_stands = had_bid and bids > 0, had_ask and asks > 0
    if bid_stands and ask_stands and high - low <= 2 * widest:
        public.twice_mark_ticks = (low + high) >> 1
    else:
        if public.step_trades > 0:
            follow_trade(public, low, high, bid_stands, ask_stands)
        public.twice_mark_ticks = bounded(public.twice_mark_ticks, low, high, bid_stands, ask_stands)
    # Both move at a bounded speed.
    fastest = FASTEST_MOVE * public.price_scale_ticks
    public.reference_ticks = min(max(public.reference_ticks, reference - fastest), reference + fastest)
    farthest = np.int64(2 * fastest)
    mark = min(max(public.twice_mark_ticks, mark - farthest), mark + farthest)
    public.twice_mark_ticks = mark
    public.twice_low_ticks = min(public.twice_low_ticks, mark)
    public.twice_high_ticks = max(public.twice_high_ticks, mark)


@inlined
def bounded(price, bid, ask, has_bid, has_ask):  # type: ignore[no-untyped-def]
    """Return a price moved to a bid above it or an ask below it."""
    price = max(price, bid) if has_bid else price
    return min(price, ask) if has_ask else price


@inlined
def follow_trade(public, twice_bid, twice_ask, bid_stands, ask_stands):  # type: ignore[no-untyped-def]
    """Move the mark to a bid that was hit or an ask that was lifted and still stands."""
    twice_traded = 2 * np.int64(public.last_trade_ticks)
    if bid_stands and twice_traded <= twice_bid:
        public.twice_mark_ticks = min(public.twice_mark_ticks, twice_bid)
    if ask_stands and twice_traded >= twice_ask:
        public.twice_mark_ticks = max(public.twice_mark_ticks, twice_ask)


@compiled
def twice_profit(market_public, account):  # type: ignore[no-untyped-def]
    """Return twice an account's profit in cash units: cash plus the position at the mark, whatever that is."""
    twice_value = np.float64(account.position) * market_public.twice_mark_ticks * market_public.cash_per_tick_lot
    return 2.0 * account.cash + twice_value
