"""Order flow whose intensities depend on the size of the queue that it changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.agents.scripted.calibrated_flow import LIMIT_SIZE, flow_tables, submit_random_market
from marl_market.env.trading import (
    DECIDED,
    PARAM_VALUES,
    QUANTILES,
    MarketSpec,
    Traits,
    cancel,
    compiled,
    lowest_bit,
    poisson,
    quantile,
    require,
    submit_limit,
    trader,
    uniform,
)

TICKS, DISTANCES, STATES, TABLES = 0, 1, 2, 3
UNITS = TABLES + 3 * QUANTILES
MOST_DISTANCES = 8
MOST_ORDERS = 12
"""Maximum number of limit and market orders of a seat in a step, which leaves room for cancels."""


@compiled
def distance_of(table, side, reference, price):  # type: ignore[no-untyped-def]
    """Return the number of the range of distances from the reference price in which a price of a side lies."""
    return int(max(0.0, np.floor(side * (reference - price) / table[TICKS])))


@compiled
def queue_of(public, table, side, distance):  # type: ignore[no-untyped-def]
    """Return quantity and number of orders that the book shows in a range of distances."""
    index = (1 - side) >> 1
    quantity, orders = 0, 0
    for place in range(public.depth[index]):
        level = public.level[index, place]
        if distance_of(table, side, public.reference_ticks, level.price_ticks) == distance:
            quantity += level.quantity_lots
            orders += level.orders
    return quantity, orders


@compiled
def intensity(table, kind, distance, quantity):  # type: ignore[no-untyped-def]
    """Return the mean count of a kind (0 limit, 1 cancel, 2 market) in a step, for a queue of `quantity` lots."""
    distances, states = int(table[DISTANCES]), int(table[STATES])
    state = min(int(np.ceil(quantity / table[UNITS + distance])), states - 1)
    return table[UNITS + distances + (kind * distances + distance) * states + state]


@compiled
def add_limits(public, seat, table, side, distance, mean):  # type: ignore[no-untyped-def]
    """Submit a drawn number of limit orders at prices drawn uniformly from a range of distances."""
    ticks = table[TICKS]
    for _ in range(min(MOST_ORDERS - seat.command_count, poisson(seat, mean))):
        nearest = np.floor(side * public.reference_ticks - distance * ticks)
        price = side * (nearest - np.floor(uniform(seat) * ticks))
        submit_limit(seat, side, price, max(1, int(quantile(seat, table, TABLES + LIMIT_SIZE, QUANTILES) + 0.5)))


@compiled
def take(public, seat, table, side):  # type: ignore[no-untyped-def]
    """Submit a drawn number of market orders that meet the best queue of the other side."""
    index = (1 + side) >> 1
    if public.depth[index] > 0:
        best = np.float64(public.level[index, 0].price_ticks)
        distance = min(distance_of(table, -side, public.reference_ticks, best), int(table[DISTANCES]) - 1)
        quantity, _ = queue_of(public, table, -side, distance)
        for _ in range(min(MOST_ORDERS - seat.command_count, poisson(seat, intensity(table, 2, distance, quantity)))):
            submit_random_market(seat, table, TABLES, side)


@compiled
def hazard_of(side, distance):  # type: ignore[no-untyped-def]
    """Return the place in the seat's memory of the cancel hazard of an order of a side, in a range of distances."""
    return ((1 - side) >> 1) * MOST_DISTANCES + distance


@trader
def send_orders(public, seat, params):  # type: ignore[no-untyped-def]
    """Submit limit and market orders and cancel open ones at the intensities of the queues."""
    table, hazard = params.value, seat.agent.memory
    distances = int(table[DISTANCES])
    for side in (1, -1):
        for distance in range(distances):
            quantity, orders = queue_of(public, table, side, distance)
            hazard[hazard_of(side, distance)] = intensity(table, 1, distance, quantity) / max(1, orders)
            add_limits(public, seat, table, side, distance, intensity(table, 0, distance, quantity))
        take(public, seat, table, side)
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        order = seat.order[slot]
        distance = min(distance_of(table, order.side, public.reference_ticks, order.price_ticks), distances - 1)
        if uniform(seat) < 1.0 - math.exp(-hazard[hazard_of(order.side, distance)]):
            cancel(seat, order.order_id)
    return DECIDED


@dataclass(frozen=True)
class QueueReactive:
    """Queue-reactive order flow (Huang, Lehalle and Rosenbaum 2015).

    Sees: the visible levels of the book, its own open orders.
    Does: limit orders, cancels and market orders as Poisson processes whose intensities are functions of the size of
        the queue that they change: its range of distances from the reference price (the mid price; each range is
        `width` wide), and its quantity, rounded up to multiples of `unit` of that range. Market orders meet the best
        queue. The cancels of a queue are spread evenly over its orders, so that seats cancel their share of it; orders
        beyond the last range are canceled like those in it. Prices within a range are drawn uniformly, sizes are
        calibrated. It leaves out what the paper assumes beside the queues: on news the reference price moves and the
        book is drawn anew.
        `marl_market.calibration.estimates.queue_intensities` estimates it from a tape.

    Attributes:
        limit: intensities of limit orders, a row for each range of distances and in it a value for each size of the
            queue, 0 first, in multiples of the market's calibrated rate of limit orders of one side.
        cancel: likewise, in multiples of the market's rate of cancels of one side.
        market: likewise, in multiples of the market's rate of market orders of one side.
        unit: quantity by which the queue sizes of each range are counted, in mean quantities at the best price.
        width: width of a range of distances, in price scales of the market.
        share: fraction of the limit and market orders made by the whole group.
    """

    trader = send_orders
    traits = Traits(warms_up=True)
    limit: Sequence[Sequence[float]] = ((0.45, 0.35, 0.25, 0.2), (0.45, 0.4, 0.35, 0.3), (0.35, 0.3, 0.25, 0.2))
    cancel: Sequence[Sequence[float]] = ((0.0, 0.2, 0.35, 0.5), (0.0, 0.2, 0.4, 0.6), (0.0, 0.1, 0.3, 0.5))
    market: Sequence[Sequence[float]] = ((0.0, 1.5, 1.0, 0.7), (0.0, 0.5, 0.3, 0.2), (0.0, 0.1, 0.1, 0.1))
    unit: Sequence[float] = (1.0, 2.0, 2.0)
    width: float = 1.0
    share: float = 1.0

    def __post_init__(self) -> None:
        unit = tuple(float(value) for value in self.unit)
        good = 1 <= len(unit) <= MOST_DISTANCES and min(unit) > 0
        require(good, "queue_reactive.unit", unit, f"1 to {MOST_DISTANCES} numbers above zero")
        object.__setattr__(self, "unit", unit)
        states = len(self.limit[0]) if len(self.limit) else 0
        for name in ("limit", "cancel", "market"):
            rows = tuple(tuple(float(rate) for rate in row) for row in getattr(self, name))
            good = [len(row) for row in rows] == [states] * len(unit) and states > 1 and min(map(min, rows)) >= 0
            require(good, f"queue_reactive.{name}", rows, f"{len(unit)} rows of {states} intensities of zero or more")
            object.__setattr__(self, name, rows)
        room = PARAM_VALUES - UNITS - len(unit)
        require(3 * states * len(unit) <= room, "queue_reactive.limit", f"{states} sizes", f"at most {room} numbers")
        for name in ("width", "share"):
            require(getattr(self, name) > 0, f"queue_reactive.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return ticks of a range, numbers of ranges and sizes, quantile tables, units in lots, counts a step."""
        flow, steps = spec.flow, 0.5 * self.share * spec.step_seconds / seats
        counts = (
            flow.limit_rate * steps * np.ravel(self.limit),
            0.5 * flow.cancel_rate * spec.step_seconds * np.ravel(self.cancel),  # spread over the orders of all seats
            flow.market_rate * steps * np.ravel(self.market),
        )
        units = [max(1.0, unit * flow.depth_lots) for unit in self.unit]
        ticks = max(1, round(self.width * spec.price_scale_ticks))
        return (ticks, len(units), len(self.limit[0]), *flow_tables(spec), *units, *np.concatenate(counts))
