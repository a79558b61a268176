"""A seat's own money, position and open orders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.trader import encoder
from marl_market.exchange.accounts import realized
from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.compiled import inlined
from marl_market.exchange.records import ASKS, BIDS

NO_BID, NO_ASK = np.int64(-(2**62)), np.int64(2**62)


@inlined
def best_own_quotes(seat):  # type: ignore[no-untyped-def]
    """Return the prices of the best own bid and ask, NO_BID and NO_ASK where there is none.

    It selects instead of branching: which side an order is on cannot be predicted.
    """
    best_bid, best_ask = NO_BID, NO_ASK
    slots = seat.live
    while slots != 0:
        order = seat.order[lowest_bit(slots)]
        slots &= slots - np.uint64(1)
        price = np.int64(order.price_ticks)
        best_bid = max(best_bid, price if order.ladder == BIDS else NO_BID)
        best_ask = min(best_ask, price if order.ladder == ASKS else NO_ASK)
    return best_bid, best_ask


@encoder
def encode(public, seat, offset):  # type: ignore[no-untyped-def]
    """Write position, equity, fees, open lots, distances of the best own quotes, realized and unrealized profit.

    Lots are in size scales (a tenth of them for the position), money in price scales times size scales (a
    hundredth), distances in price scales from the reference price; a side without an own quote is at 0. Both profits
    are before fees.
    """
    account = seat.account
    size_scale = 1.0 / public.size_scale_lots
    price_scale = 1.0 / public.price_scale_ticks
    money_scale = 0.01 * size_scale * price_scale / public.cash_per_tick_lot
    value = 0.5 * account.position * public.mark_twice_ticks * public.cash_per_tick_lot
    worth = account.cash + value
    unrealized = value - account.cost
    best_bid, best_ask = best_own_quotes(seat)
    bid_distance = (best_bid - public.reference_ticks) * price_scale if best_bid > NO_BID else 0.0
    ask_distance = (best_ask - public.reference_ticks) * price_scale if best_ask < NO_ASK else 0.0
    seat.observation[offset] = np.float32(0.1 * account.position * size_scale)
    seat.observation[offset + 1] = np.float32(worth * money_scale)
    seat.observation[offset + 2] = np.float32(account.fees * money_scale)
    seat.observation[offset + 3] = np.float32(account.open_lots[0] * size_scale)
    seat.observation[offset + 4] = np.float32(account.open_lots[1] * size_scale)
    seat.observation[offset + 5] = np.float32(bid_distance)
    seat.observation[offset + 6] = np.float32(ask_distance)
    seat.observation[offset + 7] = np.float32(realized(account) * money_scale)
    seat.observation[offset + 8] = np.float32(unrealized * money_scale)
    return offset + 9


@dataclass(frozen=True)
class Account:
    """The seat's position, worth, profits, fees paid and open orders."""

    encoder = encode
    digests = False
    shared = False
    size = 9
