"""One limit order a step of a continuous level and size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Box

from marl_market.env.actions.decoding import clipped, rescale, room
from marl_market.env.actions.encoding import missing_order, normalize, order_price, unwanted_order
from marl_market.env.actions.order_range import OrderRange
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.interface.spaces import continuous
from marl_market.env.interface.values import Value
from marl_market.exchange.commands import cancel_all, submit_limit

VALUES = (
    Value("level", "nearest (-1) to farthest (1)"),
    Value("signed_size", "sell (-1) to buy (1) the largest"),
    Value("cancel", "keep (-1 to 0) or cancel (above 0) the open orders"),
)


@trader
def decode(public, seat, params):  # type: ignore[no-untyped-def]
    """Cancel all open orders if the action says so, then add one bid or ask.

    The action is (level, signed size, cancel). The level goes from `nearest` to `farthest` ticks behind the reference
    price, the size from selling to buying `largest` lots; a cancel above zero cancels all earlier orders first.
    """
    size = clipped(seat.agent.action[1])
    side = 1 if size > 0.0 else -1
    space = room(seat, side, params.value[3])
    if seat.agent.action[2] > 0.0:
        cancel_all(seat)
        space += seat.account.open_lots[(1 - side) >> 1]
    quantity = min(math.floor(abs(size) * params.value[2] + 0.5), space)
    if quantity >= 1.0:
        distance = rescale(seat.agent.action[0], params.value[0], params.value[1])
        submit_limit(seat, side, public.reference_ticks - side * distance, quantity)
    return DECIDED


@trader
def encode(public, seat, params):  # type: ignore[no-untyped-def]
    """Cancel all orders if one of them is unwanted, and send one missing order."""
    cancels = unwanted_order(public, seat, params, 0, 0) >= 0
    seat.agent.action[0] = np.nan
    seat.agent.action[1] = 0.0
    seat.agent.action[2] = 1.0 if cancels else -1.0
    number = missing_order(public, seat, params, 0, 0)
    if number >= 0:
        command = seat.command[number]
        side = np.int64(command.side)
        distance = side * (public.reference_ticks - order_price(command))
        seat.agent.action[0] = normalize(distance, params.value[0], params.value[1])
        seat.agent.action[1] = normalize(np.float64(side * command.quantity_lots), -params.value[2], params.value[2])
    return DECIDED


@dataclass(frozen=True)
class LimitContinuous(OrderRange):
    """One limit order of a chosen level and signed size, added to the open orders or in their place.

    Attributes (levels as of `OrderRange`):
        largest: quantity of an order for size +1 (bid) or -1 (ask), in size scales.
        position_limit: largest position, long or short, that all open orders may build, in size scales.
    """

    decoder = decode
    encoder = encode
    mask = None
    values = VALUES
    size = len(VALUES)

    @property
    def space(self) -> Box:
        """Return the space of (level, signed size, cancel)."""
        return continuous(self.size)
