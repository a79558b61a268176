"""The ten best price levels of each side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import encoder
from marl_market.env.interface.values import PRICE_SCALES, Value, lot_share, repeated
from marl_market.exchange.records import PUBLIC_LEVELS

LEVELS = [f"{side}_{level}" for side in ("bid", "ask") for level in range(PUBLIC_LEVELS)]
VALUES = repeated(LEVELS, (Value("distance", PRICE_SCALES), lot_share("quantity")))


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write (distance from the reference price, quantity) of the best ten bids, then asks.

    Distances are in price scales, quantities lots / (lots + size scale); a missing level is (0, 0).
    """
    offset = 0
    price_scale = public.per_price_scale
    for index in range(2):
        for i in range(PUBLIC_LEVELS):
            if i < public.depth[index]:
                level = public.level[index, i]
                observation[offset] = np.float32((level.price_ticks - public.reference_ticks) * price_scale)
                observation[offset + 1] = np.float32(
                    level.quantity_lots / (level.quantity_lots + public.size_scale_lots)
                )
            else:
                observation[offset] = 0.0
                observation[offset + 1] = 0.0
            offset += 2


@dataclass(frozen=True)
class Book:
    """The best ten price levels of both sides, relative to the mid price."""

    encoder = encode
    tracks_history = False
    shared = True
    values = VALUES
    size = len(VALUES)
