"""A trader that learns its profit margin from the last shout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from marl_market.agents.scripted.assignment import (
    ANCHOR,
    LIMIT,
    OWN,
    OWN_MEMORY,
    SIDE,
    Assignments,
    attends,
    quote_assignment,
    work_on_assignment,
)
from marl_market.env.scheme import require
from marl_market.env.trader import DECIDED, trader
from marl_market.exchange.compiled import compiled
from marl_market.exchange.randomness import uniform
from marl_market.market.spec import MarketSpec

MARGIN, CHANGE, RATE, MOMENTUM, LAST_SIDE, DRAWN = range(OWN_MEMORY, OWN_MEMORY + 6)
"""A margin is how much of the limit price it wants to gain, above zero on either side."""


@compiled
def adapt(seat, side, limit, shouted, direction, relative, absolute):  # type: ignore[no-untyped-def]
    """Move the margin towards a target a little beyond the shouted price (Cliff 1997).

    Prices are counted from the origin. A `direction` of 1 puts the target above the shout, -1 below it.
    """
    memory = seat.memory
    target = shouted * (1.0 + direction * relative * uniform(seat)) + direction * absolute * uniform(seat)
    price = limit * (1.0 - side * memory[MARGIN])
    memory[CHANGE] = memory[MOMENTUM] * memory[CHANGE] + (1.0 - memory[MOMENTUM]) * memory[RATE] * (target - price)
    memory[MARGIN] = max(0.0, side * (1.0 - (price + memory[CHANGE]) / limit))


@compiled
def improved(public, index):  # type: ignore[no-untyped-def]
    """Return whether the best bid (0) or ask (1) is better than a step ago."""
    if public.depth[index] == 0:
        return False
    earlier = public.earlier_touch[index]
    sign = 1 - 2 * index
    return earlier.quantity_lots == 0 or sign * (public.level[index, 0].price_ticks - earlier.price_ticks) > 0


@trader
def trade(public, seat, mind):  # type: ignore[no-untyped-def]
    """Learn from the last step, and quote the limit price less the margin."""
    table, memory = mind.parameter, seat.memory
    if memory[DRAWN] == 0.0:
        memory[DRAWN] = 1.0
        memory[RATE] = 0.1 + 0.4 * uniform(seat)
        memory[MOMENTUM] = 0.1 * uniform(seat)
        memory[MARGIN] = table[OWN] + (table[OWN + 1] - table[OWN]) * uniform(seat)
    left = work_on_assignment(public, seat, mind)
    active = left > 0
    side = memory[SIDE] if active else memory[LAST_SIDE]
    origin = table[OWN + 4] * (memory[ANCHOR] - table[OWN + 5])
    limit = memory[LIMIT] - origin
    if side == 0.0 or limit <= 0.0:
        return DECIDED
    if memory[LAST_SIDE] != side:
        memory[LAST_SIDE] = side
        memory[CHANGE] = 0.0
    price = limit * (1.0 - side * memory[MARGIN])
    own = int(0.5 * (1 - side))
    if public.step_trades > 0:
        shouted = public.last_trade_ticks - origin
        if side * (price - shouted) >= 0.0:
            adapt(seat, side, limit, shouted, -side, table[OWN + 2], table[OWN + 3])
        elif active and public.last_aggressor_side == -side:
            adapt(seat, side, limit, shouted, side, table[OWN + 2], table[OWN + 3])
    elif active and improved(public, own):
        shouted = public.level[own, 0].price_ticks - origin
        if side * (shouted - price) > 0.0:
            adapt(seat, side, limit, shouted, side, table[OWN + 2], table[OWN + 3])
    if active and attends(seat, mind):
        wanted = origin + limit * (1.0 - side * memory[MARGIN])
        quote_assignment(seat, side * np.floor(side * wanted), left)
    return DECIDED


@dataclass(frozen=True)
class ZIP:
    """Zero intelligence plus (Cliff 1997, "Minimal-intelligence agents for bargaining behaviors").

    Sees: its own limit price, the touch and a step's last trade, now and a step ago.
    Does: quotes p = limit (1 - margin) to buy, limit (1 + margin) to sell. With q the last shout, it raises its margin
        where a trade was at a price as good as p or better, even when it has nothing to trade. It lowers it where an
        aggressor of the other side made a trade that passed p by, or where nothing traded and a rival's quote of its
        own side became better than p. The change is a Widrow-Hoff step with momentum, G' = m G + (1 - m) b (t - p),
        towards t = R q + A a little beyond q.

    Draws b evenly from [0.1, 0.5], m from [0, 0.1] and its first margin, as the paper does.

    Attributes:
        assignments: what its customers ask for.
        least_margin: least first margin, as a share of the limit price.
        most_margin: most first margin.
        relative: how far R is from 1 at most.
        absolute: how large A is at most, in price scales of the market.
        span: origin of its prices, in price scales below the price it saw first; None counts from zero, as the paper
            does, whose prices have the size of their differences.
    """

    trader = trade
    observes = False
    warms_up = False
    mind_per_market = False
    assignments: Assignments = field(default_factory=Assignments)
    least_margin: float = 0.05
    most_margin: float = 0.35
    relative: float = 0.05
    absolute: float = 0.05
    span: float | None = 10.0

    def __post_init__(self) -> None:
        good = 0 <= self.least_margin <= self.most_margin < 1
        margins = (self.least_margin, self.most_margin)
        require(good, "zip.least_margin, zip.most_margin", margins, "rising, from 0 and below 1")
        for name in ("relative", "absolute"):
            require(getattr(self, name) >= 0, f"zip.{name}", getattr(self, name), "zero or more")
        require(self.span is None or self.span > 0, "zip.span", self.span, "above zero, or null")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return those of the assignments, the margins, both perturbations and the origin, in ticks."""
        absolute = self.absolute * spec.price_scale_ticks
        origin = (0.0, 0.0) if self.span is None else (1.0, self.span * spec.price_scale_ticks)
        own = (self.least_margin, self.most_margin, self.relative, absolute, *origin)
        return self.assignments.parameters(spec, own)
