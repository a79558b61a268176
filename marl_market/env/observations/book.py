"""The price levels nearest to the touch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.trader import encoder
from marl_market.exchange.records import PUBLIC_LEVELS


@encoder
def encode(public, seat, offset):  # type: ignore[no-untyped-def]
    """Write (distance from the reference price, quantity) of the best ten bids, then asks.

    Distances are in price scales, quantities lots / (lots + size scale); a missing level is (0, 0).
    """
    price_scale = 1.0 / public.price_scale_ticks
    for index in range(2):
        for i in range(PUBLIC_LEVELS):
            if i < public.depth[index]:
                level = public.level[index, i]
                seat.observation[offset] = np.float32((level.price_ticks - public.reference_ticks) * price_scale)
                seat.observation[offset + 1] = np.float32(
                    level.quantity_lots / (level.quantity_lots + public.size_scale_lots)
                )
            else:
                seat.observation[offset] = 0.0
                seat.observation[offset + 1] = 0.0
            offset += 2
    return offset


@dataclass(frozen=True)
class Book:
    """The best ten price levels of both sides, relative to the mid price."""

    encoder = encode
    digests = False
    shared = True
    size = 4 * PUBLIC_LEVELS
