"""Liquidity of many limit orders that come and go in bursts around a believed value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from marl_market.agents.scripted.activity import Activity
from marl_market.agents.scripted.belief import Belief, believed_value
from marl_market.agents.scripted.free_fields import require_free
from marl_market.agents.scripted.reaction_chain import drawn_ns, log_nanoseconds
from marl_market.agents.scripted.reactive_state import (
    DUE_ORDERS,
    STATE_PARAMETERS,
    VOLATILITY_STATE,
    send_in_chain,
    state_parameters,
    update_state,
)
from marl_market.agents.scripted.unconditional_flow import conditional_flow
from marl_market.agents.scripted.volatility_regime import state_of
from marl_market.env.trading import (
    DECIDED,
    SEAT_ORDERS,
    MarketSpec,
    Traits,
    cancel,
    cancel_newest,
    compiled,
    group_memory,
    lowest_bit,
    poisson,
    quantile,
    send_after,
    submit_limit,
    trader,
    uniform,
)
from marl_market.market.free_parameter import free
from marl_market.market.reactive_flow import AGES, ATOMS, KNOTS, PLACES, REGIMES, SIZE_CLASSES, SPREADS

SHARE, SECONDS, FOLLOWING, FLEEING, REACH, CANCELING, JOINING, FARTHEST = range(STATE_PARAMETERS, STATE_PARAMETERS + 8)
SPREAD_EDGES = STATE_PARAMETERS + 8
SIZE_EDGES = SPREAD_EDGES + SPREADS - 1
AGE_EDGES = SIZE_EDGES + SIZE_CLASSES - 1
PLACE_EDGES = AGE_EDGES + AGES - 1
SIZES = PLACE_EDGES + PLACES - 1
OFFSETS = SIZES + PLACES * ATOMS
HAZARDS = OFFSETS + REGIMES * SPREADS * KNOTS
FLEETING = HAZARDS + SIZE_CLASSES * SPREADS * AGES * PLACES
LIVES = FLEETING + SIZE_CLASSES * SPREADS * PLACES
TIMES_ACTIVE = 2.0
FARTHEST_SCALES = 4.0
"""Distance of the value from the mid price, in price scales, beyond which quotes do not move farther."""
EMPTY_SIDE_ORDERS = 1.0
ROOM = SEAT_ORDERS - 3
"""Open orders of a seat from which on it cancels the farthest: those on their way still have room."""


@trader
def make_liquidity(public, seat, params):  # type: ignore[no-untyped-def]
    """Cancel and submit limit orders as the activity of the group demands."""
    table, memory = params.value, group_memory(seat)
    due = table[SHARE] * memory[DUE_ORDERS]
    one_sided = public.depth[0] == 0 or public.depth[1] == 0
    if one_sided:
        due = max(due, EMPTY_SIDE_ORDERS)
    chance = min(1.0, TIMES_ACTIVE * (due + table[SECONDS] * due))
    if uniform(seat) >= chance:  # most seats do nothing in most steps: one draw says so
        return DECIDED
    due /= chance
    half = 0.5 * public.price_scale_ticks
    bid = float(public.best_bid) if public.depth[0] > 0 else public.reference_ticks - half
    ask = float(public.best_ask) if public.depth[1] > 0 else public.reference_ticks + half
    value = believed_value(memory)
    spread = state_of(ask - bid, table, SPREAD_EDGES, SPREADS - 1)
    room = SEAT_ORDERS - 1 - cancel_orders(public, seat, table, memory, due, value, bid, ask, spread)
    gap = min(max(value - 0.5 * (bid + ask), -table[FARTHEST]), table[FARTHEST])
    state = int(memory[VOLATILITY_STATE]) * SPREADS + spread
    for _ in range(min(poisson(seat, due), room)):
        side = 1 if uniform(seat) < 0.5 else -1
        offset = quantile(seat, table, OFFSETS + state * KNOTS, KNOTS) - side * table[FOLLOWING] * gap
        price = (ask if side > 0 else bid) - side * max(1.0, offset)
        if uniform(seat) < table[JOINING]:
            price = joined_price(public, side, price)
        behind = side * ((bid if side > 0 else ask) - price) + 0.5  # a price is rounded to a tick
        place = state_of(behind, table, PLACE_EDGES, PLACES - 1)
        lots = table[SIZES + place * ATOMS + int(uniform(seat) * ATOMS)]
        submit_limit(seat, side, price, lots)
        sent_ns = send_in_chain(seat, memory, table)
        size = state_of(lots, table, SIZE_EDGES, SIZE_CLASSES - 1)
        if uniform(seat) < table[FLEETING + (size * SPREADS + spread) * PLACES + place]:
            cancel_newest(seat)
            send_after(seat, sent_ns + drawn_ns(seat, table, LIVES))
    return DECIDED


@compiled
def cancel_orders(public, seat, table, memory, due, value, bid, ask, spread):  # type: ignore[no-untyped-def]
    """Cancel each open order by its hazard, and the farthest where there is no room; return the number of all."""
    seconds = due * table[SECONDS]
    count, farthest, excess = 0, -1.0, np.int64(-1)
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        count += 1
        order = seat.order[slot]
        side = float(order.side)
        behind = max(side * ((bid if side > 0.0 else ask) - order.price_ticks), 0.0)
        if behind > farthest:
            farthest, excess = behind, order.order_id
        age = state_of((public.time_ns - order.time_ns) * 1e-9, table, AGE_EDGES, AGES - 1)
        place = state_of(behind, table, PLACE_EDGES, PLACES - 1)
        size = state_of(float(order.total_lots), table, SIZE_EDGES, SIZE_CLASSES - 1)
        hazard = table[CANCELING] * table[HAZARDS + ((size * SPREADS + spread) * AGES + age) * PLACES + place]
        threat = side * (order.price_ticks - value) + table[REACH]
        hazard += table[FLEEING] * max(threat, 0.0)
        if uniform(seat) < -math.expm1(-hazard * seconds):
            cancel(seat, order.order_id)
            send_in_chain(seat, memory, table)
    if count >= ROOM:
        cancel(seat, excess)
    return count


@compiled
def joined_price(public, side, price):  # type: ignore[no-untyped-def]
    """Return the first price from `price` on, away from the other side, at which orders wait; `price` without one.

    A price ahead of the best one of its side stays as it is.
    """
    index = 0 if side > 0 else 1
    if public.depth[index] == 0 or side * (price - public.level[index, 0].price_ticks) >= 1.0:
        return price
    for i in range(public.depth[index]):
        level = float(public.level[index, i].price_ticks)
        if side * (price - level) > -1.0:
            return level
    return price


@dataclass(frozen=True)
class ReactiveMakers:
    """Limit orders of a real market, on both sides, conditional on what its makers see.

    Sees: the fundamental value, the public book, the trades of the last step, the time of day, its own open orders.
    Does: on the clock of `activity`, submits limit orders at distances from the opposite best price drawn from the
        market's tables by state of recent volatility and of the spread, moved towards the value of `belief`, with the
        sizes of their place; some join the next price at which others wait. Cancels each open order at the market's
        hazard by size, spread, age and distance, and sooner the nearer the value comes to it.

    All seats of a group together are one flow at the market's calibrated rate. Adverse selection is avoided by
    cancels, as in Biais, Martimort and Rochet's and Foucault's (1999) limit-order traders, not by a wider quote.

    Attributes:
        share: fraction of the market's calibrated flow of limit orders made by the whole group.
        belief: value that its orders refer to.
        activity: clock of its orders.
        following: ticks by which a quote moves for each tick between the mid price and the value.
        fleeing: cancels of an order in a second of activity for each price scale by which the value is nearer to it
            than `reach`, or past it.
        reach: distance from the value, in price scales, within which an order is threatened.
        canceling: factor of the market's cancel hazards.
        joining: share of orders behind the best price that join others.
    """

    trader = make_liquidity
    group_update = update_state
    traits = Traits(warms_up=True, privileges=("fundamental",))
    share: float = 1.0
    belief: Belief = field(default_factory=Belief)
    activity: Activity = field(default_factory=Activity)
    following: float = free(0.34, 0.01, 0.95, "logit")
    fleeing: float = free(3.1, 0.05, 50.0, "log")
    reach: float = free(0.13, 0.005, 2.0, "log")
    canceling: float = free(0.74, 0.2, 3.0, "log")
    joining: float = free(0.68, 0.02, 0.95, "logit")

    def __post_init__(self) -> None:
        require_free(self, "reactive_makers")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return those of the state, the seat's share, seconds of activity an order, own constants, and the tables."""
        flow, scale = conditional_flow(spec.flow), spec.price_scale_ticks
        share, seconds = self.share / seats, seats / (self.share * spec.flow.limit_rate)
        own = (share, seconds, self.following, self.fleeing / scale, self.reach * scale, self.canceling, self.joining)
        edges = (*flow.spread_edges, *flow.size_edges, *flow.age_edges, *flow.place_edges)
        names = ("limit_size_lots", "offset_ticks", "cancel_hazard", "fleeting")
        tables = np.concatenate([flow.table(name).ravel() for name in names])
        lives = map(log_nanoseconds, flow.fleeting_life)
        state = state_parameters(spec, self.belief, self.activity)
        return (*state, *own, FARTHEST_SCALES * scale, *edges, *tables, *lives)
