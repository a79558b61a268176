"""Market orders towards a target position."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Box

from marl_market.env.actions.decoding import clipped
from marl_market.env.actions.encoding import normalize, taken_lots
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.interface.spaces import continuous
from marl_market.env.interface.values import Value
from marl_market.exchange.commands import submit_market
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

VALUES = (Value("target", "short (-1) to long (1) by the position limit"),)


@trader
def decode(public, seat, params):  # type: ignore[no-untyped-def]
    """Trade the difference to the target at market, unless it is less than the smallest trade."""
    target = math.floor(clipped(seat.agent.action[0]) * params.value[0] + 0.5)
    change = target - seat.account.position
    if abs(change) >= params.value[1]:
        submit_market(seat, 1 if change > 0 else -1, abs(change))
    return DECIDED


@trader
def encode(public, seat, params):  # type: ignore[no-untyped-def]
    """Choose the target nearest to the position after the taken lots."""
    target = np.float64(seat.account.position + taken_lots(public, seat))
    seat.agent.action[0] = normalize(target, -params.value[0], params.value[0])
    return DECIDED


@dataclass(frozen=True)
class TargetPosition:
    """A target position, reached by market orders.

    Attributes:
        position_limit: position for action +1 (long) or -1 (short), in size scales.
        smallest: smallest change of the position that is traded, in size scales; a lot at least.
    """

    decoder = decode
    encoder = encode
    mask = None
    values = VALUES
    size = len(VALUES)
    position_limit: float = 3.0
    smallest: float = 0.25

    def __post_init__(self) -> None:
        require(self.position_limit > 0, "action.position_limit", self.position_limit, "above zero")
        require(self.smallest >= 0, "action.smallest", self.smallest, "zero or more")

    @property
    def space(self) -> Box:
        """Return the space of the target."""
        return continuous(self.size)

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the position limit and the smallest trade in whole lots."""
        return (spec.lots(self.position_limit), spec.lots(self.smallest))
