"""Zero-intelligence background traders: together they are the calibrated order flow of the market."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.agents.scripted.calibrated_flow import flow_tables, submit_random_limit, submit_random_market
from marl_market.env.trading import DECIDED, MarketSpec, Traits, cancel, lowest_bit, poisson, trader, uniform

TABLES = 4


@trader
def send_orders(public, seat, params):  # type: ignore[no-untyped-def]
    """Submit limit and market orders and cancel open ones at random."""
    table = params.value
    if seat.agent.memory[1] == 0.0:
        seat.agent.memory[0] = public.reference_ticks
        seat.agent.memory[1] = 1.0
    buying = 0.5 - table[3] * (public.reference_ticks - seat.agent.memory[0])
    for _ in range(poisson(seat, table[0])):
        side = 1 if uniform(seat) < buying else -1
        submit_random_limit(public, seat, table, TABLES, side)
    for _ in range(poisson(seat, table[1])):
        side = 1 if uniform(seat) < buying else -1
        submit_random_market(seat, table, TABLES, side)
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

    Sees: the best bid and offer, its own open orders.
    Does: limit orders at calibrated distances from the opposite best quote (a tick or more), market orders, and
        cancels of each of its orders with equal probability, all as Poisson processes at the calibrated rates of the
        market, which the seats of the group share (Daniels, Farmer, Gillemot, Iori and Smith 2003, "Quantitative
        model of price diffusion and market friction"). Buys and sells are equally likely at its first reference price,
        and mean-reverting away from it: without that anchor the most active agent drags the price along.

    Attributes:
        share: fraction of the market's calibrated order flow made by the whole group.
        open_orders: mean number of open orders of a seat, which sets the cancel probability.
        conviction: mean reversion: decrease of the probability to buy for each price scale of the price above the
            seat's first reference price.
    """

    trader = send_orders
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
        """Return orders a step, the cancel probability of a step, the reversion a tick, and the quantile tables."""
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
