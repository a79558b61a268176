"""A trader that learns its profit margin from the last quote or trade."""

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
    may_requote,
    quote_assignment,
    update_assignment,
)
from marl_market.env.trading import DECIDED, MarketSpec, Traits, compiled, require, trader, uniform

MIN_MARGIN, MAX_MARGIN, REACHES, _, ANCHORED, SPAN, BRISTOL, LOWEST, HIGHEST = range(OWN, OWN + 9)
MARGIN, CHANGE, RATE, MOMENTUM, LAST_SIDE, DRAWN, PRICE, WORKING, REACH = range(OWN_MEMORY, OWN_MEMORY + 9)
"""The margin is a share of the limit price, above zero on either side; prices are relative to the origin."""


@compiled
def target_beyond(seat, shouted, direction):  # type: ignore[no-untyped-def]
    """Return a target a little above (`direction` 1) or below (-1) a quoted or traded price."""
    relative = direction * seat.agent.memory[REACH] * uniform(seat)
    return shouted * (1.0 + relative) + direction * seat.agent.memory[REACH + 1] * uniform(seat)


@compiled
def updated_margin(memory, side, limit, price, target):  # type: ignore[no-untyped-def]
    """Return the margin after a step of the price towards its target (Cliff 1997), negative beyond the limit."""
    memory[CHANGE] = memory[MOMENTUM] * memory[CHANGE] + (1.0 - memory[MOMENTUM]) * memory[RATE] * (target - price)
    return side * (1.0 - (price + memory[CHANGE]) / limit)


@compiled
def direction_after_trade(public, side, price, shouted, active):  # type: ignore[no-untyped-def]
    """Return the side of the traded price that the own price moves to: above (1), below (-1), or no move (0)."""
    if side * (price - shouted) >= 0.0:
        return -side
    if active and public.last_aggressor_side == -side:
        return side
    return 0.0


@compiled
def best_improved(public, index):  # type: ignore[no-untyped-def]
    """Return whether the best bid (0) or ask (1) is better than a step ago."""
    if public.depth[index] == 0:
        return False
    earlier = public.previous_level[index, 0]
    sign = 1 - 2 * index
    return earlier.quantity_lots == 0 or sign * (public.level[index, 0].price_ticks - earlier.price_ticks) > 0


@compiled
def learn(public, seat, side, limit, origin, active):  # type: ignore[no-untyped-def]
    """Update the margin by the trades and quotes of the last step, as in the paper."""
    memory = seat.agent.memory
    price = limit * (1.0 - side * memory[MARGIN])
    own = int(0.5 * (1 - side))
    direction = 0.0
    if public.step_trades > 0:
        shouted = public.last_trade_ticks - origin
        direction = direction_after_trade(public, side, price, shouted, active)
    elif active and best_improved(public, own):
        shouted = public.level[own, 0].price_ticks - origin
        if side * (shouted - price) > 0.0:
            direction = side
    if direction != 0.0:
        target = target_beyond(seat, shouted, direction)
        memory[MARGIN] = max(0.0, updated_margin(memory, side, limit, price, target))


@compiled
def learn_bristol(public, seat, params, side, limit, origin):  # type: ignore[no-untyped-def]
    """Update margin and price by the trades and quotes of the last step, as in the Bristol Stock Exchange."""
    memory = seat.agent.memory
    price = memory[PRICE]
    own = int(0.5 * (1 - side))
    if public.step_trades > 0:
        shouted = public.last_trade_ticks - origin
        direction = direction_after_trade(public, side, price, shouted, memory[WORKING] == 1.0)
        if direction == 0.0:
            return
        target = target_beyond(seat, shouted, direction)
    elif public.previous_level[own, 0].quantity_lots > 0 and best_improved(public, own):
        if side * (public.level[own, 0].price_ticks - origin - price) <= 0.0:
            return
        if public.depth[1 - own] > 0:
            target = target_beyond(seat, public.level[1 - own, 0].price_ticks - origin, -side)
        else:
            target = params.value[LOWEST if side > 0.0 else HIGHEST] - origin
    else:
        return
    margin = updated_margin(memory, side, limit, price, np.rint(target))
    if margin > 0.0:
        memory[MARGIN] = margin
    memory[PRICE] = np.rint(limit * (1.0 - side * memory[MARGIN]))


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Learn from the last step, and quote the limit price less the margin."""
    table, memory = params.value, seat.agent.memory
    if memory[DRAWN] == 0.0:
        memory[DRAWN] = 1.0
        memory[RATE] = 0.1 + 0.4 * uniform(seat)
        memory[MOMENTUM] = 0.1 * uniform(seat)
        memory[MARGIN] = table[MIN_MARGIN] + (table[MAX_MARGIN] - table[MIN_MARGIN]) * uniform(seat)
        for i in range(2):
            memory[REACH + i] = table[REACHES + i] * (1.0 - 0.8 * table[BRISTOL] * uniform(seat))
    left = update_assignment(public, seat, params)
    active = left > 0
    side = memory[SIDE] if active else memory[LAST_SIDE]
    origin = table[ANCHORED] * (memory[ANCHOR] - table[SPAN])
    limit = memory[LIMIT] - origin
    if side == 0.0 or limit <= 0.0:
        return DECIDED
    if memory[LAST_SIDE] != side:
        memory[LAST_SIDE] = side
        memory[CHANGE] = 0.0
        memory[PRICE] = np.floor(limit * (1.0 - side * memory[MARGIN]))
    if table[BRISTOL] == 0.0:
        learn(public, seat, side, limit, origin, active)
    else:
        learn_bristol(public, seat, params, side, limit, origin)
    if not may_requote(seat, params):
        return DECIDED
    memory[WORKING] = active
    if active:
        wanted = limit * (1.0 - side * memory[MARGIN])
        if table[BRISTOL] == 1.0:
            memory[PRICE] = np.floor(wanted)
            quote_assignment(seat, origin + memory[PRICE], left)
        else:
            quote_assignment(seat, side * np.floor(side * (origin + wanted)), left)
    return DECIDED


@dataclass(frozen=True)
class ZIP:
    """Zero intelligence plus (Cliff 1997, "Minimal-intelligence agents for bargaining behaviors").

    Sees: its own limit price, the best bid and offer and the last trade, now and a step ago.
    Does: quotes p = limit (1 - margin) to buy, limit (1 + margin) to sell. With q the price of the last trade or quote,
        it raises its margin after a trade at a price as good as p or better, even without an assignment. It lowers it
        after a trade at a price worse than p by an aggressor of the other side, or, without a trade, when a competing
        quote of its own side became better than p. The change is a Widrow-Hoff step with momentum, G' = m G + (1 -
        m) b (t - p), towards t = R q + A a little beyond q.

    Draws b uniformly from [0.1, 0.5], m from [0, 0.1] and its initial margin, as the paper does.

    With `bristol` it learns as in the Bristol Stock Exchange (version of 2025): prices are whole ticks, rounded down
    in quotes. Where nothing traded and a competing quote became better than p, t is a little beyond the best price of
    the other side, or the end of the price range where there is none, with or without an assignment; after a trade it
    still counts as active until its next requote. A change beyond its limit price leaves the margin as it is, and the
    ranges of R and A are drawn from a fifth of the given ones up.

    Attributes:
        assignments: its customer orders.
        min_margin: minimum initial margin, as a share of the limit price.
        max_margin: maximum initial margin.
        relative: maximum distance of R from 1.
        absolute: maximum of A, in price scales of the market.
        span: origin of its prices, in price scales below its first reference price; None: zero, as in the paper, whose
            prices are of the size of their differences.
        bristol: lowest and highest price, in currency, of the variant above; None: the trader of the paper.
    """

    trader = quote
    traits = Traits()
    assignments: Assignments = field(default_factory=Assignments)
    min_margin: float = 0.05
    max_margin: float = 0.35
    relative: float = 0.05
    absolute: float = 0.05
    span: float | None = 10.0
    bristol: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        good = 0 <= self.min_margin <= self.max_margin < 1
        margins = (self.min_margin, self.max_margin)
        require(good, "zip.min_margin, zip.max_margin", margins, "rising, from 0 and below 1")
        for name in ("relative", "absolute"):
            require(getattr(self, name) >= 0, f"zip.{name}", getattr(self, name), "zero or more")
        ordered = self.bristol is None or self.bristol[0] <= self.bristol[1]
        require(ordered, "zip.bristol", self.bristol, "a lowest and a highest price, or null")
        require(self.span is None or self.span > 0, "zip.span", self.span, "above zero, or null")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the parameters of the assignments, margins, perturbations, origin and variant, in ticks."""
        absolute = self.absolute * spec.price_scale_ticks
        origin = (0.0, 0.0) if self.span is None else (1.0, self.span * spec.price_scale_ticks)
        variant = (0.0, 0.0, 0.0)
        if self.bristol is not None:
            low, high = (round(price / spec.tick_size) for price in self.bristol)
            variant = (1.0, low, high)
        own = (self.min_margin, self.max_margin, self.relative, absolute, *origin, *variant)
        return self.assignments.parameters(spec, own)
