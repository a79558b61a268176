"""The last trades, the spread and the imbalance of the best bid and ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import encoder
from marl_market.env.interface.values import PRICE_SCALES, Value, lot_share

VALUES = (
    Value("spread", PRICE_SCALES),
    Value("last_price", PRICE_SCALES),
    lot_share("bought"),
    lot_share("sold"),
    Value("imbalance", "(bid - ask) / (bid + ask) lots", -1.0, 1.0),
)


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write spread, last price, aggressors' bought and sold lots of the last step, and best bid and ask imbalance.

    Prices are in price scales, the last one relative to the reference price; lots are
    lots / (lots + size scale); the imbalance is (bid - ask) / (bid + ask) of the quantities at the best prices.
    """
    price_scale = public.per_price_scale
    spread = 0.0
    imbalance = 0.0
    if public.depth[0] > 0 and public.depth[1] > 0:
        spread = np.float64(np.int64(public.best_ask) - np.int64(public.best_bid)) * price_scale
        bid_lots = public.level[0, 0].quantity_lots
        ask_lots = public.level[1, 0].quantity_lots
        imbalance = (bid_lots - ask_lots) / (bid_lots + ask_lots)
    observation[0] = np.float32(spread)
    observation[1] = np.float32((public.last_trade_ticks - public.reference_ticks) * price_scale)
    observation[2] = np.float32(public.step_lots[0] / (public.step_lots[0] + public.size_scale_lots))
    observation[3] = np.float32(public.step_lots[1] / (public.step_lots[1] + public.size_scale_lots))
    observation[4] = np.float32(imbalance)


@dataclass(frozen=True)
class TradeTape:
    """The spread, the last trades and the imbalance of the best bid and ask."""

    encoder = encode
    tracks_history = False
    shared = True
    values = VALUES
    size = len(VALUES)
