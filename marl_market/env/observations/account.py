"""Own money, position and open orders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import encoder
from marl_market.env.interface.values import PRICE_SCALES, PRICE_TIMES_SIZE, SIZE_SCALES, Value
from marl_market.exchange.accounts import realized
from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.compiled import inlined
from marl_market.exchange.records import ASKS, BIDS

NO_BID, NO_ASK = np.int64(-(2**62)), np.int64(2**62)
ONE = np.uint64(1)
FIRST_SLOTS = 4

HUNDRED = f"100 {PRICE_TIMES_SIZE}"
VALUES = (
    Value("position", f"10 {SIZE_SCALES}"),
    Value("equity", HUNDRED),
    Value("fees", HUNDRED),
    Value("open_bid", SIZE_SCALES, low=0.0),
    Value("open_ask", SIZE_SCALES, low=0.0),
    Value("bid_distance", PRICE_SCALES),
    Value("ask_distance", PRICE_SCALES),
    Value("realized_profit", HUNDRED),
    Value("unrealized_profit", HUNDRED),
)


@inlined
def better_quotes(seat, slot, is_open, best_bid, best_ask):  # type: ignore[no-untyped-def]
    """Return the best bid and ask prices, updated with the order in `slot` if `is_open`."""
    order = seat.order[np.uint64(slot)]
    price = np.int64(order.price_ticks)
    bid = price if is_open & (order.ladder == BIDS) else NO_BID
    ask = price if is_open & (order.ladder == ASKS) else NO_ASK
    return max(best_bid, bid), min(best_ask, ask)


@inlined
def best_own_quotes(seat):  # type: ignore[no-untyped-def]
    """Return the prices of the best own bid and ask, NO_BID and NO_ASK without one.

    Why selects instead of branches: the sides of orders and the open ones among the first slots, which are used most,
    are unpredictable.
    """
    best_bid, best_ask = NO_BID, NO_ASK
    for slot in range(FIRST_SLOTS):
        is_open = (seat.live >> np.uint64(slot)) & ONE == ONE
        best_bid, best_ask = better_quotes(seat, slot, is_open, best_bid, best_ask)
    slots = seat.live >> np.uint64(FIRST_SLOTS) << np.uint64(FIRST_SLOTS)
    while slots != 0:
        best_bid, best_ask = better_quotes(seat, lowest_bit(slots), True, best_bid, best_ask)
        slots &= slots - ONE
    return best_bid, best_ask


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write position, equity, fees, open lots, distances of the best own quotes, realized and unrealized profit.

    Lots are in size scales (a tenth of them for the position), money in price scales times size scales (a
    hundredth), distances in price scales from the reference price; a side without an own quote is at 0. Both profits
    are before fees.
    """
    account = seat.account
    size_scale, price_scale, money_scale = public.per_size_scale, public.per_price_scale, public.per_wealth_scale
    value = 0.5 * account.position * public.twice_mark_ticks * public.cash_per_tick_lot
    equity = account.cash + value
    unrealized = value - account.cost
    best_bid, best_ask = best_own_quotes(seat)
    bid_distance = (best_bid - public.reference_ticks) * price_scale
    ask_distance = (best_ask - public.reference_ticks) * price_scale
    observation[0] = np.float32(0.1 * account.position * size_scale)
    observation[1] = np.float32(equity * money_scale)
    observation[2] = np.float32(account.fees * money_scale)
    observation[3] = np.float32(account.open_lots[0] * size_scale)
    observation[4] = np.float32(account.open_lots[1] * size_scale)
    observation[5] = np.float32(bid_distance if best_bid > NO_BID else 0.0)
    observation[6] = np.float32(ask_distance if best_ask < NO_ASK else 0.0)
    observation[7] = np.float32(realized(account) * money_scale)
    observation[8] = np.float32(unrealized * money_scale)


@dataclass(frozen=True)
class Account:
    """The seat's position, equity, profits, fees paid and open orders."""

    encoder = encode
    tracks_history = False
    shared = False
    values = VALUES
    size = len(VALUES)
