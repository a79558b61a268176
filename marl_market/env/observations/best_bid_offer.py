"""The best bid and ask (level 1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import encoder
from marl_market.env.interface.values import PRICE_SCALES, Value, lot_share, repeated

VALUES = repeated(("bid", "ask"), (Value("distance", PRICE_SCALES), lot_share("quantity")))


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write (distance from the reference price, quantity) of the best bid, then of the best ask.

    Distances are in price scales, quantities lots / (lots + size scale); a missing side is (0, 0).
    """
    offset = 0
    for index in range(2):
        distance = 0.0
        share = 0.0
        if public.depth[index] > 0:
            level = public.level[index, 0]
            distance = (level.price_ticks - public.reference_ticks) / public.price_scale_ticks
            share = level.quantity_lots / (level.quantity_lots + public.size_scale_lots)
        observation[offset] = np.float32(distance)
        observation[offset + 1] = np.float32(share)
        offset += 2


@dataclass(frozen=True)
class BestBidOffer:
    """The best price level of both sides, relative to the mid price."""

    encoder = encode
    tracks_history = False
    shared = True
    values = VALUES
    size = len(VALUES)
