"""The last own fills."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import encoder
from marl_market.env.interface.values import PRICE_SCALES, Value, lot_share, recency, repeated, side
from marl_market.exchange.codes import Liquidity
from marl_market.exchange.records import SEAT_FILLS

MAKER = int(Liquidity.MAKER)
NUMBERS = 5

VALUES = repeated(
    [f"fill_{index}" for index in range(SEAT_FILLS)],
    (side("maker"), side("taker"), recency("recency"), Value("price", PRICE_SCALES), lot_share("quantity")),
)


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write (maker, taker, recency, price, quantity) of each fill, newest first.

    The first two are the side of the fill in the number of the seat's liquidity role and 0 in the other; recency is
    1 / age in steps; the price is in price scales from the reference price; the quantity is lots / (lots + size
    scale). A missing fill is all zeros.
    """
    offset = 0
    for i in range(SEAT_FILLS):
        for j in range(NUMBERS):
            observation[offset + j] = 0.0
        if i < seat.fill_count:
            fill = seat.fill[(seat.fill_count - 1 - i) % SEAT_FILLS]
            age = max((public.time_ns - fill.time_ns) / (1e9 * public.step_seconds), 1.0)
            observation[offset + (0 if fill.liquidity == MAKER else 1)] = np.float32(fill.side)
            observation[offset + 2] = np.float32(1.0 / age)
            observation[offset + 3] = np.float32((fill.price_ticks - public.reference_ticks) / public.price_scale_ticks)
            observation[offset + 4] = np.float32(fill.quantity_lots / (fill.quantity_lots + public.size_scale_lots))
        offset += NUMBERS


@dataclass(frozen=True)
class Fills:
    """The seat's last eight fills."""

    encoder = encode
    tracks_history = True
    shared = False
    values = VALUES
    size = len(VALUES)
