"""The last public events as a sequence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import encoder
from marl_market.env.interface.values import PRICE_SCALES, Value, lot_share, recency, repeated, side
from marl_market.exchange.codes import PublicKind
from marl_market.exchange.records import PUBLIC_EVENTS

REST = int(PublicKind.REST)
NUMBERS = 6
FARTHEST = 20.0
"""Bound of distances in price scales: orders at any price are possible, and one must not swamp a learner's input."""

VALUES = repeated(
    [f"event_{index}" for index in range(PUBLIC_EVENTS)],
    (
        *map(side, ("rest", "cancel", "trade")),
        recency("recency"),
        Value("price", PRICE_SCALES, -FARTHEST, FARTHEST),
        lot_share("quantity"),
    ),
)


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write (rest, cancel, trade, recency, price, quantity) of each event, newest first.

    The first three are the side of the order, or of the aggressor, in the number of the event's kind and 0 elsewhere;
    recency is 1 / age in steps; the price is in price scales from the reference price, `FARTHEST` at most; the
    quantity is lots / (lots + size scale). A missing event is all zeros.
    """
    offset = 0
    for i in range(PUBLIC_EVENTS):
        for j in range(NUMBERS):
            observation[offset + j] = 0.0
        if i < public.event_count:
            event = public.event[(public.event_count - 1 - i) % PUBLIC_EVENTS]
            age = max((public.time_ns - event.time_ns) / (1e9 * public.step_seconds), 1.0)
            distance = (event.price_ticks - public.reference_ticks) / public.price_scale_ticks
            observation[offset + event.kind - REST] = np.float32(event.side)
            observation[offset + 3] = np.float32(1.0 / age)
            observation[offset + 4] = np.float32(min(max(distance, -FARTHEST), FARTHEST))
            observation[offset + 5] = np.float32(event.quantity_lots / (event.quantity_lots + public.size_scale_lots))
        offset += NUMBERS


@dataclass(frozen=True)
class Events:
    """The last 32 resting orders, cancels and trades, as a sequence of six numbers each."""

    encoder = encode
    tracks_history = True
    shared = True
    values = VALUES
    size = len(VALUES)
