"""One order of a market's calibrated flow: how far from the touch it is, and how large."""

from __future__ import annotations

from marl_market.exchange.commands import submit_limit, submit_market
from marl_market.exchange.compiled import compiled
from marl_market.exchange.random_streams import quantile
from marl_market.market.order_flow import QUANTILES
from marl_market.market.spec import MarketSpec

LIMIT_SIZE, MARKET_SIZE, OFFSET = 0, QUANTILES, 2 * QUANTILES


@compiled
def offer_at_random(public, seat, table, first, side):  # type: ignore[no-untyped-def]
    """Submit a limit order at a calibrated distance, a tick or more, from the opposite touch."""
    index = (1 - side) >> 1
    offset = quantile(seat, table, first + OFFSET, QUANTILES)
    quantity = max(1, int(quantile(seat, table, first + LIMIT_SIZE, QUANTILES) + 0.5))
    opposite = public.reference_ticks + side * 0.5 * public.price_scale_ticks
    if public.depth[1 - index] > 0:
        opposite = public.level[1 - index, 0].price_ticks
    submit_limit(seat, side, opposite - side * max(1.0, offset), quantity)


@compiled
def take_at_random(seat, table, first, side):  # type: ignore[no-untyped-def]
    """Submit a market order of a calibrated size."""
    submit_market(seat, side, max(1, int(quantile(seat, table, first + MARKET_SIZE, QUANTILES) + 0.5)))


def flow_tables(spec: MarketSpec) -> tuple[float, ...]:
    """Return the quantile tables that the functions above read from `first` on."""
    flow = spec.flow
    return (*flow.limit_size_lots, *flow.market_size_lots, *flow.limit_offset_ticks)
