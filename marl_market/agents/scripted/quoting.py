"""Post-only quotes on both sides, shared by market makers."""

from __future__ import annotations

import math

import numpy as np

from marl_market.env.trading import HIGHEST_PRICE, MarketSpec, cancel_all, compiled, lowest_bit, require, submit_limit

NO_LIMIT = 2.0**53
"""Position in lots that no seat reaches."""


@compiled
def own_lots_at(seat, side, price_ticks):  # type: ignore[no-untyped-def]
    """Return the seat's own open quantity at a price."""
    lots = np.int64(0)
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        order = seat.order[slot]
        if order.side == side and order.price_ticks == price_ticks:
            lots += order.leaves_quantity
    return lots


@compiled
def best_excluding_own(public, seat, side):  # type: ignore[no-untyped-def]
    """Return the best bid (side +1) or ask (-1) without the seat's own orders; -side * HIGHEST_PRICE if none."""
    index = (1 - side) >> 1
    for i in range(public.depth[index]):
        level = public.level[index, i]
        if level.quantity_lots > own_lots_at(seat, side, level.price_ticks):
            return np.float64(level.price_ticks)
    return -side * np.float64(HIGHEST_PRICE)


@compiled
def quote_both_sides(public, seat, bid, ask, bid_lots, ask_lots, levels, spacing):  # type: ignore[no-untyped-def]
    """Replace all of the seat's orders by `levels` bids from `bid` down and as many asks from `ask` up.

    Prices in ticks are rounded away from each other, `spacing` apart, and never cross the best quotes of other seats; a
    side of quantity zero stays empty.
    """
    bid = min(math.floor(bid), best_excluding_own(public, seat, -1) - 1.0)
    ask = max(math.ceil(ask), best_excluding_own(public, seat, 1) + 1.0)
    ask = max(ask, bid + 1.0)
    cancel_all(seat)
    for i in range(levels):
        if bid_lots > 0:
            submit_limit(seat, 1, math.floor(bid - i * spacing), np.int64(bid_lots))
        if ask_lots > 0:
            submit_limit(seat, -1, math.ceil(ask + i * spacing), np.int64(ask_lots))


@compiled
def quote_within(public, seat, bid, ask, size, limit):  # type: ignore[no-untyped-def]
    """Quote one bid and one ask of `size` lots, less where the position limit in lots leaves room for less."""
    position = seat.account.position
    quote_both_sides(public, seat, bid, ask, min(size, limit - position), min(size, limit + position), 1, 0.0)


def limit_lots(position_limit: float | None, spec: MarketSpec, field: str) -> float:
    """Return a position limit of so many size scales in lots, `NO_LIMIT` for None; raises ValueError naming `field`."""
    require(position_limit is None or position_limit > 0, field, position_limit, "above zero, or null")
    return NO_LIMIT if position_limit is None else spec.lots(position_limit)
