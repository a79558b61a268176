"""Two-sided quoting: distance from the mid price and quantity of a bid and an ask."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Box

from marl_market.env.actions.decoding import rescale
from marl_market.env.actions.encoding import best_quote, normalize
from marl_market.env.actions.order_range import OrderRange
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.interface.spaces import continuous
from marl_market.env.interface.values import Value
from marl_market.exchange.commands import cancel_all, submit_limit

VALUES = (
    Value("bid_distance", "nearest (-1) to farthest (1)"),
    Value("ask_distance", "nearest (-1) to farthest (1)"),
    Value("bid_size", "none (-1) to largest (1)"),
    Value("ask_size", "none (-1) to largest (1)"),
)


@trader
def decode(public, seat, params):  # type: ignore[no-untyped-def]
    """Replace all open orders by one bid and one ask.

    The action is (bid distance, ask distance, bid size, ask size), each clipped to [-1, 1]. Distances go from
    `nearest` to `farthest` ticks behind the reference price (below zero: beyond it, to take), sizes from nothing to
    `largest` lots. A quote's size is at most what the position limit leaves; one of zero lots is not sent. A quote of
    the last step may still fill before its cancel arrives and carry the position past the limit.
    """
    cancel_all(seat)
    for index in range(2):
        side = 1 - 2 * index
        distance = rescale(seat.agent.action[index], params.value[0], params.value[1])
        wanted = math.floor(rescale(seat.agent.action[2 + index], 0.0, params.value[2]) + 0.5)
        quantity = min(wanted, params.value[3] - side * seat.account.position)
        if quantity >= 1:
            submit_limit(seat, side, public.reference_ticks - side * distance, quantity)
    return DECIDED


@trader
def encode(public, seat, params):  # type: ignore[no-untyped-def]
    """Choose the quotes nearest to the best order of each side; the distance of a side without one is NaN."""
    for index in range(2):
        side = 1 - 2 * index
        price, lots = best_quote(seat, side)
        seat.agent.action[index] = np.nan
        if lots > 0:
            distance = side * (public.reference_ticks - price)
            seat.agent.action[index] = normalize(distance, params.value[0], params.value[1])
        seat.agent.action[2 + index] = normalize(np.float64(lots), 0.0, params.value[2])
    return DECIDED


@dataclass(frozen=True)
class Quotes(OrderRange):
    """One bid and one ask, replaced each step.

    Attributes (distances as of `OrderRange`):
        largest: quantity of a quote for action +1, in size scales; that for -1 is zero.
        position_limit: largest position, long or short, that quotes may build, in size scales.
    """

    decoder = decode
    encoder = encode
    mask = None
    values = VALUES
    size = len(VALUES)
    nearest: float = 0.0

    @property
    def space(self) -> Box:
        """Return the space of (bid distance, ask distance, bid size, ask size)."""
        return continuous(self.size)
