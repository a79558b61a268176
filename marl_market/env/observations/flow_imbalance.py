"""Order flow imbalance at the best bid and ask in the last step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import encoder
from marl_market.env.interface.values import Value
from marl_market.exchange.compiled import inlined

VALUES = (Value("imbalance", "lots / (|lots| + size scale)", -1.0, 1.0),)


@inlined
def flow(public, index):  # type: ignore[no-untyped-def]
    """Return the lots that the last step added at the best price of a side; all of them at a better price."""
    side = 1 - 2 * index
    earlier = public.previous_level[index, 0]
    now = np.int64(0)
    if public.depth[index] > 0:
        now = np.int64(public.level[index, 0].quantity_lots)
    before = np.int64(earlier.quantity_lots)
    if now > 0 and before > 0:
        move = side * (np.int64(public.level[index, 0].price_ticks) - np.int64(earlier.price_ticks))
        if move > 0:
            return now
        if move < 0:
            return -before
    return now - before


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write lots / (|lots| + size scale) of the lots added at the best bid less those at the best ask."""
    lots = np.float64(flow(public, 0) - flow(public, 1))
    observation[0] = np.float32(lots / (abs(lots) + public.size_scale_lots))


@dataclass(frozen=True)
class FlowImbalance:
    """The order flow imbalance of the last step.

    It compares the best bid and ask at the beginning and the end of the step: the new quantity at a better price,
    minus the earlier one at a worse price, the change at the same price, bids less asks (Cont, Kukanov and Stoikov
    2014, "The price impact of order book events", section 2.1, with one event a step). A side without quotes has
    quantity 0.
    """

    encoder = encode
    tracks_history = False
    shared = True
    values = VALUES
    size = len(VALUES)
