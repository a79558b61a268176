"""Two-sided quoting: how far from the mid price and how much, on each side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Box

from marl_market.env.actions.encoding import best_quote, centered
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.interface.spaces import continuous
from marl_market.exchange.commands import cancel_all, submit_limit
from marl_market.market.spec import MarketSpec


@trader
def decode(public, seat, params):  # type: ignore[no-untyped-def]
    """Replace all open orders by one bid and one ask.

    The action is (bid distance, ask distance, bid size, ask size), each clipped to [-1, 1]. Distances go from
    `nearest` to `farthest` ticks behind the reference price (below zero: beyond it, to take), sizes from nothing to
    `largest` lots. No quote is larger than the position limit leaves room for; one of nothing is not sent. Until its
    cancel arrives, though, a quote of the last step may still fill and carry the position past the limit.
    """
    nearest = params.value[0]
    farthest = params.value[1]
    largest = params.value[2]
    limit = params.value[3]
    cancel_all(seat)
    for index in range(2):
        side = 1 - 2 * index
        closeness = min(max(seat.agent.action[index], -1.0), 1.0)
        size = min(max(seat.agent.action[2 + index], -1.0), 1.0)
        distance = nearest + 0.5 * (closeness + 1.0) * (farthest - nearest)
        quantity = min(math.floor(0.5 * (size + 1.0) * largest + 0.5), limit - side * seat.account.position)
        if quantity >= 1:
            submit_limit(seat, side, public.reference_ticks - side * distance, quantity)
    return DECIDED


@trader
def encode(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote as the best order on each side is priced; the distance of a side without one makes no difference."""
    for index in range(2):
        side = 1 - 2 * index
        price, lots = best_quote(seat, side)
        seat.agent.action[index] = np.nan
        if lots > 0:
            distance = side * (public.reference_ticks - price)
            seat.agent.action[index] = centered(distance, params.value[0], params.value[1])
        seat.agent.action[2 + index] = centered(np.float64(lots), 0.0, params.value[2])
    return DECIDED


@dataclass(frozen=True)
class Quotes:
    """One bid and one ask, replaced each step.

    Attributes:
        nearest: distance of a quote for action -1, in price scales from the mid price.
        farthest: distance of a quote for action +1, in price scales from the mid price.
        largest: quantity of a quote for action +1, in size scales.
        position_limit: largest position, long or short, that quotes may build, in size scales.
    """

    decoder = decode
    encoder = encode
    mask = None
    size = 4
    nearest: float = 0.0
    farthest: float = 1.5
    largest: float = 2.0
    position_limit: float = 3.0

    def __post_init__(self) -> None:
        if not self.nearest < self.farthest:
            raise ValueError(f"action.nearest {self.nearest} must be below action.farthest {self.farthest}")
        for name in ("largest", "position_limit"):
            if getattr(self, name) <= 0:
                raise ValueError(f"action.{name} is {getattr(self, name)}; it must be above zero")

    @property
    def space(self) -> Box:
        """Return the space of (bid distance, ask distance, bid size, ask size)."""
        return continuous(self.size)

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return nearest and farthest in ticks, and largest and position limit in whole lots."""
        price, size = spec.price_scale_ticks, spec.size_scale_lots
        lots = (max(1.0, float(round(scales * size))) for scales in (self.largest, self.position_limit))
        return (self.nearest * price, self.farthest * price, *lots)
