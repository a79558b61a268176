"""Own open orders and their queue positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.own_orders import OWN_ORDERS, next_own_order
from marl_market.env.interface.signatures import encoder
from marl_market.env.interface.values import PRICE_SCALES, Value, lot_share, repeated

NUMBERS = 3

PLACES = [f"{side}_{place}" for side in ("bid", "ask") for place in range(OWN_ORDERS)]
VALUES = repeated(PLACES, (Value("distance", PRICE_SCALES), lot_share("quantity"), lot_share("ahead")))


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write (distance, quantity, quantity ahead) of the best four own bids, then asks; best price, then earliest first.

    Distances are in price scales from the reference price, quantities lots / (lots + size scale); a missing order is
    (0, 0, 0).
    """
    offset = 0
    for index in range(2):
        side = 1 - 2 * index
        slot = np.int64(-1)
        for i in range(OWN_ORDERS):
            distance = 0.0
            open_share = 0.0
            ahead_share = 0.0
            if i == 0 or slot >= 0:
                slot = next_own_order(seat, side, slot)
            if slot >= 0:
                order = seat.order[slot]
                distance = (order.price_ticks - public.reference_ticks) / public.price_scale_ticks
                open_share = order.leaves_quantity / (order.leaves_quantity + public.size_scale_lots)
                ahead_lots = seat.ahead_lots[slot]
                ahead_share = ahead_lots / (ahead_lots + public.size_scale_lots)
            observation[offset] = np.float32(distance)
            observation[offset + 1] = np.float32(open_share)
            observation[offset + 2] = np.float32(ahead_share)
            offset += NUMBERS


@dataclass(frozen=True)
class Orders:
    """The best four open orders of each side and their queue positions."""

    encoder = encode
    tracks_history = True
    shared = False
    values = VALUES
    size = len(VALUES)
