"""The call auction: its indicative price, quantity and imbalance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import encoder
from marl_market.env.interface.values import PRICE_SCALES, Value, lot_share
from marl_market.exchange.codes import Phase

AUCTION = int(Phase.AUCTION)

VALUES = (
    Value("is_called", "1 in a call auction", 0.0, 1.0),
    Value("indicative_distance", PRICE_SCALES),
    lot_share("indicative_quantity"),
    Value("imbalance", "lots / (|lots| + size scale)", -1.0, 1.0),
)


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write whether the market is in a call auction, its indicative price, quantity and imbalance.

    The distance is in price scales from the reference price, which stays during the call, quantities are lots / (lots +
    size scale). The imbalance is above zero where more is bought than sold at the indicative price. All are zero
    outside an auction; the last three while it would not trade.
    """
    lots, imbalance, distance = public.indicative_lots, public.imbalance_lots, 0.0
    if lots > 0:
        distance = (public.indicative_ticks - public.reference_ticks) * public.per_price_scale
    observation[0] = np.float32(1.0 if public.phase == AUCTION else 0.0)
    observation[1] = np.float32(distance)
    observation[2] = np.float32(lots / (lots + public.size_scale_lots))
    observation[3] = np.float32(imbalance / (abs(imbalance) + public.size_scale_lots))


@dataclass(frozen=True)
class Auction:
    """The phase and the indicative price, quantity and imbalance of a call auction."""

    encoder = encode
    tracks_history = False
    shared = True
    values = VALUES
    size = len(VALUES)
