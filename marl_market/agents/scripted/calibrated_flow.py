"""Single orders of a market's calibrated flow: their distance from the best quote, and their size."""

from __future__ import annotations

import numpy as np

from marl_market.env.trading import (
    QUANTILES,
    WIDEST_SPREAD,
    MarketSpec,
    compiled,
    quantile,
    submit_limit,
    submit_market,
)

LIMIT_SIZE, MARKET_SIZE, OFFSET = 0, QUANTILES, 2 * QUANTILES


@compiled
def submit_random_limit(public, seat, table, first, side):  # type: ignore[no-untyped-def]
    """Submit a limit order at a calibrated distance, a tick or more, from the opposite best quote.

    Without one, or with one farther than `WIDEST_SPREAD` price scales from the reference price, it goes from half a
    price scale behind that price.
    """
    index = (1 - side) >> 1
    offset = quantile(seat, table, first + OFFSET, QUANTILES)
    quantity = max(1, int(quantile(seat, table, first + LIMIT_SIZE, QUANTILES) + 0.5))
    reference, scale = public.reference_ticks, public.price_scale_ticks
    opposite = reference + side * 0.5 * scale
    if public.depth[1 - index] > 0:
        best = np.float64(public.level[1 - index, 0].price_ticks)
        if abs(best - reference) <= WIDEST_SPREAD * scale:
            opposite = best
    submit_limit(seat, side, opposite - side * max(1.0, offset), quantity)


@compiled
def submit_random_market(seat, table, first, side):  # type: ignore[no-untyped-def]
    """Submit a market order of a calibrated size."""
    submit_market(seat, side, max(1, int(quantile(seat, table, first + MARKET_SIZE, QUANTILES) + 0.5)))


def flow_tables(spec: MarketSpec) -> tuple[float, ...]:
    """Return the quantile tables that `submit_random_limit` and `submit_random_market` read from `first` on."""
    flow = spec.flow
    return (*flow.limit_size_lots, *flow.market_size_lots, *flow.limit_offset_ticks)
