"""One market order a step of a continuous signed size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Box

from marl_market.env.actions.decoding import clipped, room
from marl_market.env.actions.encoding import normalize, taken_lots
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.interface.spaces import continuous
from marl_market.env.interface.values import Value
from marl_market.exchange.commands import submit_market
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

VALUES = (Value("signed_size", "sell (-1) to buy (1) the largest"),)


@trader
def decode(public, seat, params):  # type: ignore[no-untyped-def]
    """Buy (above zero) or sell (below) the action's share of the largest order, rounded to lots."""
    size = clipped(seat.agent.action[0])
    side = 1 if size > 0.0 else -1
    quantity = min(math.floor(abs(size) * params.value[0] + 0.5), room(seat, side, params.value[1]))
    if quantity >= 1.0:
        submit_market(seat, side, quantity)
    return DECIDED


@trader
def encode(public, seat, params):  # type: ignore[no-untyped-def]
    """Choose the size nearest to the taken lots."""
    seat.agent.action[0] = normalize(np.float64(taken_lots(public, seat)), -params.value[0], params.value[0])
    return DECIDED


@dataclass(frozen=True)
class MarketSize:
    """A signed size, bought or sold at market each step.

    Attributes:
        largest: quantity of an order for action +1 or -1, in size scales.
        position_limit: largest position, long or short, that orders may build, in size scales.
    """

    decoder = decode
    encoder = encode
    mask = None
    values = VALUES
    size = len(VALUES)
    largest: float = 2.0
    position_limit: float = 3.0

    def __post_init__(self) -> None:
        for name in ("largest", "position_limit"):
            require(getattr(self, name) > 0, f"action.{name}", getattr(self, name), "above zero")

    @property
    def space(self) -> Box:
        """Return the space of the signed size."""
        return continuous(self.size)

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the largest quantity and the position limit in whole lots."""
        return (spec.lots(self.largest), spec.lots(self.position_limit))
