"""Money and positions: what one fill moves between two seats and the venue."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.compiled import inlined
from marl_market.exchange.fees import fee


@inlined
def book_position(account, signed_quantity, price_in_cash):  # type: ignore[no-untyped-def]
    """Change a position; closing at another price than the average cost realizes profit.

    A part's share of the cost may be rounded: what it leaves over stays in the cost of what is open.
    """
    # Without branches, since none could guess which side of its average a seat will trade on.
    position = account.position
    size = abs(position)
    opposed = (position ^ signed_quantity) < 0
    closed = min(abs(signed_quantity), size) if opposed else np.int64(0)
    share = np.int64(account.cost * (np.float64(closed) / np.float64(max(size, 1))))
    released = account.cost if closed == size else share
    signed_closed = closed if position > 0 else -closed
    account.realized += signed_closed * price_in_cash - released
    account.cost += (signed_quantity + signed_closed) * price_in_cash - released
    account.position = position + signed_quantity


@inlined
def settle(market, taker, maker, side, price_ticks, quantity_lots, called):  # type: ignore[no-untyped-def]
    """Move a fill's quantity and cash between the accounts `taker` and `maker`, and both fees to the venue.

    `side` is the taker's. In a call auction (`called`) nobody takes, and both pay as makers. Positions and cash plus
    fees keep their sums exactly.
    """
    notional = np.int64(price_ticks) * quantity_lots * market.public.cash_per_tick_lot
    maker_rates = market.public.fees[np.uint64(maker.fee_tier)]
    taker_rates = market.public.fees[np.uint64(taker.fee_tier)]
    maker_fee = fee(notional, quantity_lots, maker_rates.maker_parts_per_billion, maker_rates.maker_per_lot)
    if called:
        taker_fee = fee(notional, quantity_lots, taker_rates.maker_parts_per_billion, taker_rates.maker_per_lot)
    else:
        taker_fee = fee(notional, quantity_lots, taker_rates.taker_parts_per_billion, taker_rates.taker_per_lot)
    signed_notional = side * notional
    price_in_cash = np.int64(price_ticks) * market.public.cash_per_tick_lot
    book_position(taker, side * quantity_lots, price_in_cash)
    book_position(maker, -side * quantity_lots, price_in_cash)
    taker.cash -= signed_notional + taker_fee
    maker.cash += signed_notional - maker_fee
    taker.fees += taker_fee
    maker.fees += maker_fee
    taker.traded_lots += quantity_lots
    maker.traded_lots += quantity_lots
    taker.trades += 1
    maker.trades += 1
    market.fees_collected += taker_fee + maker_fee
