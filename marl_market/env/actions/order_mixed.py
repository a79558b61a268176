"""Hold, buy or sell with a continuous level and size: a discrete and two continuous numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Discrete, Tuple

from marl_market.env.actions.decoding import choice, rescale, room
from marl_market.env.actions.order_range import OrderRange
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.interface.spaces import continuous
from marl_market.env.interface.values import Value
from marl_market.exchange.commands import cancel_all, submit_limit
from marl_market.exchange.compiled import inlined

HOLD, BUY, SELL = range(3)
KINDS = 3

VALUES = (
    Value("kind", "hold, buy, sell"),
    Value("level", "nearest (-1) to farthest (1)"),
    Value("size", "one lot (-1) to largest (1)"),
)


@inlined
def room_for(seat, params, side):  # type: ignore[no-untyped-def]
    """Return the lots of an order within the position limit if it takes the place of all open ones."""
    return room(seat, side, params.value[3]) + seat.account.open_lots[(1 - side) >> 1]


@trader
def decode(public, seat, params):  # type: ignore[no-untyped-def]
    """Keep the open orders (kind 0), or replace them by a bid (1) or an ask (2).

    The action is (kind, level, size). The level goes from `nearest` to `farthest` ticks behind the reference price, the
    size from one to `largest` lots.
    """
    kind = choice(seat.agent.action[0], KINDS)
    if kind != HOLD:
        side = 1 if kind == BUY else -1
        wanted = math.floor(rescale(seat.agent.action[2], 1.0, params.value[2]) + 0.5)
        quantity = min(wanted, room_for(seat, params, side))
        cancel_all(seat)
        if quantity >= 1.0:
            distance = rescale(seat.agent.action[1], params.value[0], params.value[1])
            submit_limit(seat, side, public.reference_ticks - side * distance, quantity)
    return DECIDED


@trader
def write_mask(public, seat, params):  # type: ignore[no-untyped-def]
    """Allow buying and selling with room within the position limit."""
    seat.agent.mask[HOLD] = 1
    seat.agent.mask[BUY] = np.uint8(room_for(seat, params, 1) >= 1.0)
    seat.agent.mask[SELL] = np.uint8(room_for(seat, params, -1) >= 1.0)
    return KINDS


@dataclass(frozen=True)
class OrderMixed(OrderRange):
    """Keep the open orders, or replace them by one of a chosen side, level and size.

    Attributes (levels as of `OrderRange`):
        largest: quantity of an order for size +1, in size scales; for -1 it is one lot.
        position_limit: largest position, long or short, that an order may build, in size scales.
    """

    decoder = decode
    encoder = None
    mask = write_mask
    values = VALUES
    size = len(VALUES)

    @property
    def space(self) -> Tuple:
        """Return the space of (kind, (level, size))."""
        return Tuple((Discrete(KINDS), continuous(2)))
