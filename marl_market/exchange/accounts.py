"""Money and positions: what one fill moves between two seats and the venue."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.compiled import inlined
from marl_market.exchange.fees import fee


@inlined
def settle(market, taker, maker, side, price_ticks, quantity_lots):  # type: ignore[no-untyped-def]
    """Move a fill's quantity and cash between the accounts `taker` and `maker`, and both fees to the venue.

    `side` is the taker's. Positions and cash plus fees keep their sums exactly.
    """
    notional = np.int64(price_ticks) * quantity_lots * market.public.cash_per_tick_lot
    fees = market.fees
    taker_fee = fee(notional, quantity_lots, fees.taker_parts_per_billion, fees.taker_per_lot)
    maker_fee = fee(notional, quantity_lots, fees.maker_parts_per_billion, fees.maker_per_lot)
    signed_quantity = side * quantity_lots
    signed_notional = side * notional
    taker.position += signed_quantity
    maker.position -= signed_quantity
    taker.cash -= signed_notional + taker_fee
    maker.cash += signed_notional - maker_fee
    taker.fees += taker_fee
    maker.fees += maker_fee
    taker.traded_lots += quantity_lots
    maker.traded_lots += quantity_lots
    taker.trades += 1
    maker.trades += 1
    market.fees_collected += taker_fee + maker_fee
