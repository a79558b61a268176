"""The last closed candles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import encoder
from marl_market.env.interface.values import PRICE_SCALES, Value, lot_share, repeated
from marl_market.exchange.records import PUBLIC_CANDLES

VALUES = repeated(
    [f"candle_{index}" for index in range(PUBLIC_CANDLES)],
    (*(Value(name, PRICE_SCALES) for name in ("open", "high", "low", "close")), lot_share("volume")),
)


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write (open, high, low, close, volume) of the last closed window of each length.

    Prices are in price scales from the reference price, the volume is a mean step's: lots / (lots + size scale).
    """
    offset = 0
    scale = public.per_price_scale
    for i in range(PUBLIC_CANDLES):
        candle = public.candle[i]
        lots = candle.volume_lots / candle.steps
        observation[offset] = np.float32((candle.open_ticks - public.reference_ticks) * scale)
        observation[offset + 1] = np.float32((candle.high_ticks - public.reference_ticks) * scale)
        observation[offset + 2] = np.float32((candle.low_ticks - public.reference_ticks) * scale)
        observation[offset + 3] = np.float32((candle.close_ticks - public.reference_ticks) * scale)
        observation[offset + 4] = np.float32(lots / (lots + public.size_scale_lots))
        offset += 5


@dataclass(frozen=True)
class Candles:
    """The last closed candle of each of the market's window lengths."""

    encoder = encode
    tracks_history = True
    shared = True
    values = VALUES
    size = len(VALUES)
