"""One limit order a step from a grid of sides, levels and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Discrete

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
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.interface.values import Value
from marl_market.exchange.commands import cancel_all, submit_limit

HOLD, CANCEL_ALL, FIRST_ORDER = 0, 1, 2

VALUES = (Value("choice", "hold, cancel all, then bids and asks by level and size"),)


@trader
def decode(public, seat, params):  # type: ignore[no-untyped-def]
    """Do nothing for choice 0, cancel all open orders for 1, else add the limit order of the grid's cell."""
    levels = np.int64(params.value[0])
    sizes = np.int64(params.value[1])
    chosen = choice(seat.agent.action[0], FIRST_ORDER + 2 * levels * sizes)
    if chosen == CANCEL_ALL:
        cancel_all(seat)
    elif chosen >= FIRST_ORDER:
        cell = chosen - FIRST_ORDER
        side = 1 - 2 * (cell // (levels * sizes))
        quantity = min(quantity_of(params, cell % sizes), room(seat, side, params.value[2]))
        if quantity >= 1.0:
            distance = level_of(params, cell // sizes % levels)
            submit_limit(seat, side, public.reference_ticks - side * distance, quantity)
    return DECIDED


@trader
def encode(public, seat, params):  # type: ignore[no-untyped-def]
    """Choose to cancel all if an open order is unwanted, else to send a missing order."""
    levels = np.int64(params.value[0])
    sizes = np.int64(params.value[1])
    number = missing_grid_order(public, seat, params)
    seat.agent.action[0] = HOLD
    if unwanted_grid_order(public, seat, params) >= 0:
        seat.agent.action[0] = CANCEL_ALL
    elif number >= 0:
        command = seat.command[number]
        cell = nearest_level(public, params, command) * sizes + nearest_size(params, command.quantity_lots)
        seat.agent.action[0] = FIRST_ORDER + (levels * sizes if command.side < 0 else 0) + cell
    return DECIDED


@trader
def write_mask(public, seat, params):  # type: ignore[no-untyped-def]
    """Allow canceling with open orders, and each side with a free slot and room within the position limit."""
    cells = np.int64(params.value[0]) * np.int64(params.value[1])
    seat.agent.mask[HOLD] = 1
    seat.agent.mask[CANCEL_ALL] = np.uint8(seat.live != 0)
    for index in range(2):
        legal = np.uint8(has_free_slot(seat) and room(seat, 1 - 2 * index, params.value[2]) >= 1.0)
        for cell in range(cells):
            seat.agent.mask[FIRST_ORDER + index * cells + cell] = legal
    return FIRST_ORDER + 2 * cells


@dataclass(frozen=True)
class LimitGrid(Grid):
    """Hold (0), cancel all (1) or add a limit order (2 + (side x levels + level) x sizes + size, bids first).

    A masked choice has no effect, except that the exchange rejects an order beyond the last slot.

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
    sizes: Sequence[float] = (0.5, 1.0)
    position_limit: float = 3.0

    @property
    def space(self) -> Discrete[np.int64]:
        """Return the space of all choices."""
        return Discrete(FIRST_ORDER + 2 * len(self.levels) * len(self.sizes))
