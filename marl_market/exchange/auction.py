"""The call auction: one uncrossing price for all orders in the book.

During the call, orders rest without trading, even across each other. The uncrossing price is the limit price of an
order at which the executable quantity is largest; among several such prices, the one of the smallest surplus, then the
one nearest to the reference price, then the lowest. The reference price and the mark stay during the call, and are the
uncrossing price after it, unless no seat has traded with another. Until then that price is published as indicative,
with the quantity that it would trade and the imbalance of both sides at it.

Assumptions: an auction has no aggressor, so both sides pay as makers, but earn no rebate, which is for liquidity, and
self-trade prevention does not apply.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.accounts import settle
from marl_market.exchange.book import SLOT_MASK, first_in
from marl_market.exchange.codes import Liquidity
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.events import emit_order
from marl_market.exchange.excess import accounts_fit
from marl_market.exchange.matching import FILLED, consume, record_trade
from marl_market.exchange.open_orders import limit_all_reduce_only, open_lots
from marl_market.exchange.records import ASKS, BIDS, SLOT_BITS, SLOT_OF_REFERENCE
from marl_market.exchange.reduce_only import limit_executable

AUCTION = int(Liquidity.AUCTION)


@inlined
def best_price(book, ladder):  # type: ignore[no-untyped-def]
    """Return the price of the best level of a ladder that is not empty."""
    return np.int64(book.level[book.best[ladder] & SLOT_MASK].price_ticks)


@compiled
def offered(book, ladder, price_ticks):  # type: ignore[no-untyped-def]
    """Return the quantity of one side, hidden parts included, at `price_ticks` or better."""
    total = np.int64(0)
    for position in range(book.count[ladder] - 1, -1, -1):
        level = book.level[book.ladder[ladder, position] & SLOT_MASK]
        if (level.price_ticks < price_ticks) if ladder == BIDS else (level.price_ticks > price_ticks):
            break
        total += level.quantity_lots + level.hidden_lots
    return total


@inlined
def crossed(book):  # type: ignore[no-untyped-def]
    """Return whether the best bid is at or above the best ask."""
    return book.count[BIDS] > 0 and book.count[ASKS] > 0 and best_price(book, BIDS) >= best_price(book, ASKS)


@compiled
def clearing(market):  # type: ignore[no-untyped-def]
    """Return the uncrossing price, its executable quantity and its imbalance; the book must be crossed."""
    book = market.book
    reference = market.public.reference_ticks
    price = np.int64(0)
    volume = np.int64(-1)
    imbalance = np.int64(0)
    for ladder in (BIDS, ASKS):
        for position in range(book.count[ladder] - 1, -1, -1):
            candidate = np.int64(book.level[book.ladder[ladder, position] & SLOT_MASK].price_ticks)
            demand, supply = offered(book, BIDS, candidate), offered(book, ASKS, candidate)
            executable, left, surplus = min(demand, supply), abs(demand - supply), abs(imbalance)
            if executable == 0:
                break  # further from the best price, one side offers nothing
            nearer = abs(candidate - reference) - abs(price - reference)
            better = executable > volume or (
                executable == volume
                and (left < surplus or (left == surplus and (nearer < 0 or (nearer == 0 and candidate < price))))
            )
            if better:
                price, volume, imbalance = candidate, executable, demand - supply
    return price, volume, imbalance


@compiled
def indicative(market):  # type: ignore[no-untyped-def]
    """Return the price, quantity and imbalance of an auction that ended now; the quantity is 0 if it did not trade."""
    if crossed(market.book):
        return clearing(market)
    return np.int64(0), np.int64(0), np.int64(0)


@compiled
def publish_indicative(market):  # type: ignore[no-untyped-def]
    """Publish the indicative price of a call auction, its quantity and its imbalance."""
    public = market.public
    price, public.indicative_lots, public.imbalance_lots = indicative(market)
    if public.indicative_lots > 0:
        public.indicative_ticks = price


@compiled
def uncross(market):  # type: ignore[no-untyped-def]
    """Fill all executable orders at the uncrossing price, in price-time priority."""
    book = market.book
    public = market.public
    public.indicative_lots = 0
    public.imbalance_lots = 0
    if not crossed(book):
        return
    price, left, _ = clearing(market)
    while market.reducing == 1 and limit_executable(market, price):
        if not crossed(book):
            return
        price, left, _ = clearing(market)
    between_seats = False
    while left > 0:
        buying = first_in(book, book.best[BIDS] & SLOT_MASK)
        selling = first_in(book, book.best[ASKS] & SLOT_MASK)
        buyer_index, seller_index = buying >> SLOT_BITS, selling >> SLOT_BITS
        buyer, seller = market.seat[buyer_index], market.seat[seller_index]
        bid_slot, ask_slot = buying & SLOT_OF_REFERENCE, selling & SLOT_OF_REFERENCE
        bid, ask = buyer.order[bid_slot], seller.order[ask_slot]
        quantity = min(min(bid.leaves_quantity, ask.leaves_quantity), left)
        left -= quantity
        own = buyer_index == seller_index
        between_seats |= not own
        settle(market, buyer.account, seller.account, 1, price, quantity, True, own)
        market.trade_sequence += 1
        for i in range(2):  # the order that has rested longer comes first, the bid where both have as long
            buys = (i == 0) == (bid.time_ns <= ask.time_ns)
            seat_index, order = (buyer_index, bid) if buys else (seller_index, ask)
            left_of_order = open_lots(order) - quantity
            event = emit_order(market, FILLED, seat_index, order, quantity, left_of_order)
            event.price_ticks = price
            event.trade_id = market.trade_sequence
            event.liquidity = AUCTION
        buyer.time_of_last_fill_ns = market.time_ns
        seller.time_of_last_fill_ns = market.time_ns
        record_trade(market, np.int32(price), 0, quantity)
        consume(market, buyer_index, bid_slot, quantity)
        consume(market, seller_index, ask_slot, quantity)
        if market.unchecked_move < 0 and not accounts_fit(market):
            break
    if between_seats and market.path_published == 0:
        public.reference_ticks = price
        public.twice_mark_ticks = 2 * price
        public.twice_low_ticks = min(public.twice_low_ticks, 2 * price)
        public.twice_high_ticks = max(public.twice_high_ticks, 2 * price)
    if market.reducing == 1:
        limit_all_reduce_only(market)
