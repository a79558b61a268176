"""The conditional order flow of a market of which only averages were estimated: the same in every state."""

from __future__ import annotations

import numpy as np

from marl_market.market.order_flow import QUANTILES, OrderFlow
from marl_market.market.reactive_flow import (
    AGES,
    ATOMS,
    DELAYS,
    DEPTHS,
    FLEETING_SECONDS,
    HIGH,
    KNOTS,
    LOW,
    PLACES,
    REGIMES,
    SIZE_CLASSES,
    SLOTS,
    SPREADS,
    ReactiveFlow,
)

OPEN_ORDERS = 250.0
"""Open orders of the whole market, which set the rate at which each of them is canceled."""


def conditional_flow(flow: OrderFlow) -> ReactiveFlow:
    """Return what was estimated, or else tables that are equal in every state."""
    return flow.reactive or unconditional_flow(flow)


def unconditional_flow(flow: OrderFlow) -> ReactiveFlow:
    """Return tables drawn from the quantiles of a flow, with one cancel hazard for all orders."""
    chances = np.linspace(0.0, 1.0, QUANTILES)
    offsets = np.interp(np.linspace(LOW, HIGH, KNOTS), chances, flow.limit_offset_ticks)
    inner = (np.arange(ATOMS) + 0.5) / ATOMS
    limits = np.maximum(1.0, np.round(np.interp(inner, chances, flow.limit_size_lots)))
    markets = np.maximum(1.0, np.round(np.interp(inner, chances, flow.market_size_lots)))
    return ReactiveFlow(
        regime_edges=(flow.volatility_ticks,) * (REGIMES - 1),
        spread_edges=(flow.spread_ticks,) * (SPREADS - 1),
        offset_ticks=np.broadcast_to(offsets, (REGIMES, SPREADS, KNOTS)).tolist(),
        limit_size_lots=np.broadcast_to(limits, (PLACES, ATOMS)).tolist(),
        depth_edges=(flow.depth_lots,) * (DEPTHS - 1),
        market_size_lots=np.broadcast_to(markets, (DEPTHS, ATOMS)).tolist(),
        size_edges=(flow.limit_size_lots[QUANTILES // 2],) * (SIZE_CLASSES - 1),
        age_edges=(1.0,) * (AGES - 1),
        place_edges=(1.0,) * (PLACES - 1),
        cancel_hazard=np.full((SIZE_CLASSES, SPREADS, AGES, PLACES), flow.cancel_rate / OPEN_ORDERS).tolist(),
        fleeting=np.zeros((SIZE_CLASSES, SPREADS, PLACES)).tolist(),
        fleeting_life=(FLEETING_SECONDS,) * DELAYS,
        reaction=np.geomspace(1e-5, FLEETING_SECONDS, DELAYS).tolist(),
        activity=(1.0,) * SLOTS,
        taking=(1.0,) * SPREADS,
        following=0.0,
    )
