"""Fees of the next fill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import encoder
from marl_market.env.interface.values import PRICE_SCALES, Value

VALUES = (Value("maker_fee", PRICE_SCALES), Value("taker_fee", PRICE_SCALES))


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write a maker's and a taker's fee of one lot at the reference price, in price scales; a rebate is negative."""
    fees = public.fees[seat.account.fee_tier]
    notional = 1e-9 * abs(public.reference_ticks)  # in ticks, times parts per billion
    tick = 1.0 / public.cash_per_tick_lot
    maker = notional * fees.maker_parts_per_billion + (fees.maker_per_lot + 1e-9 * fees.maker_per_lot_billionths) * tick
    taker = notional * fees.taker_parts_per_billion + (fees.taker_per_lot + 1e-9 * fees.taker_per_lot_billionths) * tick
    observation[0] = np.float32(maker / public.price_scale_ticks)
    observation[1] = np.float32(taker / public.price_scale_ticks)


@dataclass(frozen=True)
class FeeSchedule:
    """The fees of the seat's tier, as the price moves that earn them."""

    encoder = encode
    tracks_history = False
    shared = False
    values = VALUES
    size = len(VALUES)
