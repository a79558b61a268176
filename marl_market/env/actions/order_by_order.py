"""Submit, cancel or replace one order a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import MultiDiscrete

from marl_market.env.actions.decoding import choice, has_free_slot, room
from marl_market.env.actions.order_grid import (
    Grid,
    level_of,
    missing_grid_order,
    nearest_level,
    nearest_size,
    quantity_of,
    unwanted_grid_order,
)
from marl_market.env.interface.own_orders import OWN_ORDERS, own_order
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.interface.values import Value
from marl_market.exchange.commands import cancel, replace, submit_limit

HOLD, BID, ASK, CANCEL, REPLACE = range(5)
KINDS = 5
PLACES = 2 * OWN_ORDERS

VALUES = (
    Value("kind", "hold, bid, ask, cancel, replace"),
    Value("own_order", "bids, then asks, best first"),
    Value("level", "index of levels"),
    Value("size", "index of sizes"),
)


@trader
def decode(public, seat, params):  # type: ignore[no-untyped-def]
    """Carry out (kind, own order, level, size): hold, bid, ask, cancel the order, or replace it.

    Own orders are the best four bids (0 to 3), then asks (4 to 7), best price and then earliest first.
    """
    kind = choice(seat.agent.action[0], KINDS)
    distance = level_of(params, choice(seat.agent.action[2], params.value[0]))
    quantity = quantity_of(params, choice(seat.agent.action[3], params.value[1]))
    limit = params.value[2]
    if kind == BID or kind == ASK:
        side = 1 if kind == BID else -1
        quantity = min(quantity, room(seat, side, limit))
        if quantity >= 1.0:
            submit_limit(seat, side, public.reference_ticks - side * distance, quantity)
    elif kind != HOLD:
        slot = own_order(seat, choice(seat.agent.action[1], PLACES))
        if slot >= 0:
            order = seat.order[slot]
            own = np.int64(order.side)
            quantity = min(quantity, room(seat, own, limit) + order.leaves_quantity + order.reserve_quantity)
            if kind == REPLACE and quantity >= 1.0:
                replace(seat, order, public.reference_ticks - own * distance, quantity)
            else:
                cancel(seat, order.order_id)
    return DECIDED


@trader
def encode(public, seat, params):  # type: ignore[no-untyped-def]
    """Send a missing order, as a replacement of an unwanted one of its side if there is one.

    Without a missing order, cancel an unwanted one; one beyond the first four of a side waits.
    """
    seat.agent.action[0] = HOLD
    for number in range(1, 4):
        seat.agent.action[number] = np.nan
    slot = unwanted_grid_order(public, seat, params)
    place = -1
    for candidate in range(PLACES):
        if slot >= 0 and own_order(seat, candidate) == slot:
            place = candidate
    if place >= 0:
        seat.agent.action[0] = CANCEL
        seat.agent.action[1] = place
    number = missing_grid_order(public, seat, params)
    if number >= 0:
        command = seat.command[number]
        replaces = place >= 0 and seat.order[slot].side == command.side
        if replaces or place < 0:
            seat.agent.action[0] = BID if command.side > 0 else ASK
            if replaces:
                seat.agent.action[0] = REPLACE
            seat.agent.action[2] = nearest_level(public, params, command)
            seat.agent.action[3] = nearest_size(params, command.quantity_lots)
    return DECIDED


@trader
def write_mask(public, seat, params):  # type: ignore[no-untyped-def]
    """Allow the kinds with an effect, the open orders, and all levels and sizes.

    Without an open order, order 0 is legal, so that each number has a legal choice.
    """
    seat.agent.mask[HOLD] = 1
    seat.agent.mask[BID] = np.uint8(has_free_slot(seat) and room(seat, 1, params.value[2]) >= 1.0)
    seat.agent.mask[ASK] = np.uint8(has_free_slot(seat) and room(seat, -1, params.value[2]) >= 1.0)
    seat.agent.mask[CANCEL] = np.uint8(seat.live != 0)
    seat.agent.mask[REPLACE] = np.uint8(seat.live != 0)
    for place in range(PLACES):
        seat.agent.mask[KINDS + place] = np.uint8(own_order(seat, place) >= 0)
    if seat.live == 0:
        seat.agent.mask[KINDS] = 1
    choices = KINDS + PLACES + np.int64(params.value[0]) + np.int64(params.value[1])
    for place in range(KINDS + PLACES, choices):
        seat.agent.mask[place] = 1
    return choices


@dataclass(frozen=True)
class OrderByOrder(Grid):
    """One order a step: (kind, own order, level, size), where kinds are hold, bid, ask, cancel and replace.

    Own orders are the best four bids, then asks, in the order of the `orders` observation. A replaced order
    keeps its place in the queue where its price stays and its quantity does not grow; where the position limit leaves
    no room for it, it is canceled. Masked kinds and orders have no effect.

    Attributes:
        levels: distances of orders from the mid price, in price scales; below zero to take.
        sizes: quantities of orders, in size scales.
        position_limit: largest position, long or short, that all open orders may build, in size scales.
    """

    decoder = decode
    encoder = encode
    mask = write_mask
    values = VALUES
    size = len(VALUES)
    levels: Sequence[float] = (-0.5, 0.25, 0.375, 0.5, 0.75)
    sizes: Sequence[float] = (0.25, 0.5, 1.0)
    position_limit: float = 3.0

    @property
    def space(self) -> MultiDiscrete:
        """Return the space of (kind, own order, level, size)."""
        return MultiDiscrete([KINDS, PLACES, len(self.levels), len(self.sizes)])
