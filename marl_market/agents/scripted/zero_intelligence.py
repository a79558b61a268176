"""Background traders without a plan: together they are the order flow that the market was calibrated to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.agents.scripted.calibrated_flow import flow_tables, offer_at_random, take_at_random
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.population.traits import Traits
from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.commands import cancel
from marl_market.exchange.random_streams import poisson, uniform
from marl_market.market.spec import MarketSpec

TABLES = 4


@trader
def trade(public, seat, params):  # type: ignore[no-untyped-def]
    """Offer, take and cancel at random."""
    table = params.value
    if seat.agent.memory[1] == 0.0:
        seat.agent.memory[0] = public.reference_ticks
        seat.agent.memory[1] = 1.0
    buying = 0.5 - table[3] * (public.reference_ticks - seat.agent.memory[0])
    for _ in range(poisson(seat, table[0])):
        side = 1 if uniform(seat) < buying else -1
        offer_at_random(public, seat, table, TABLES, side)
    for _ in range(poisson(seat, table[1])):
        side = 1 if uniform(seat) < buying else -1
        take_at_random(seat, table, TABLES, side)
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        if uniform(seat) < table[2]:
            cancel(seat, seat.order[slot].order_id)
    return DECIDED


@dataclass(frozen=True)
class ZeroIntelligence:
    """Zero-intelligence order flow.

    Sees: the touch, its own open orders.
    Does: limit orders at calibrated distances from the opposite touch (a tick or more), market orders, and
        cancels each of its orders with an even chance, all as Poisson processes at the calibrated rates of the
        market, which the seats of the group share (Daniels, Farmer, Gillemot, Iori and Smith 2003, "Quantitative
        model of price diffusion and market friction"). It buys and sells alike while the price is where it first saw
        it, and leans against moves from there: without that anchor whoever trades most drags the price along.

    Attributes:
        share: part of the market's calibrated order flow that the whole group makes.
        open_orders: mean number of open orders a seat tends to; a cancel's chance follows from it.
        conviction: how much less likely it buys for each price scale that the price is above where it first saw it.
    """

    trader = trade
    traits = Traits(warms_up=True)
    share: float = 1.0
    open_orders: float = 12.0
    conviction: float = 0.1

    def __post_init__(self) -> None:
        for name in ("share", "open_orders"):
            if getattr(self, name) <= 0:
                raise ValueError(f"zero_intelligence.{name} is {getattr(self, name)}; it must be above zero")
        if self.conviction < 0:
            raise ValueError(f"zero_intelligence.conviction is {self.conviction}; it must be zero or more")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return orders a step, the chance of a cancel a step, the lean a tick, and the three quantile tables."""
        flow = spec.flow
        per_seat = self.share * spec.step_seconds / seats
        chance = 1.0 - math.exp(-flow.cancel_rate * per_seat / self.open_orders)
        return (
            flow.limit_rate * per_seat,
            flow.market_rate * per_seat,
            chance,
            self.conviction / spec.price_scale_ticks,
            *flow_tables(spec),
        )
