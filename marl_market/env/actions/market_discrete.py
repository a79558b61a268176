"""Hold, buy or sell at market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Discrete

from marl_market.env.actions.decoding import choice, room
from marl_market.env.actions.encoding import taken_lots
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.interface.values import Value
from marl_market.exchange.commands import submit_market
from marl_market.exchange.compiled import inlined
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

VALUES = (Value("choice", "hold, buy, sell"),)


@inlined
def quantity_of(seat, params, side):  # type: ignore[no-untyped-def]
    """Return the lots of an order: the fixed size, or less where the position limit leaves less room."""
    return min(params.value[0], room(seat, side, params.value[1]))


@trader
def decode(public, seat, params):  # type: ignore[no-untyped-def]
    """Do nothing for choice 0, buy at market for 1, sell at market for 2."""
    chosen = choice(seat.agent.action[0], 3)
    if chosen > 0:
        side = 3 - 2 * chosen
        quantity = quantity_of(seat, params, side)
        if quantity >= 1.0:
            submit_market(seat, side, quantity)
    return DECIDED


@trader
def encode(public, seat, params):  # type: ignore[no-untyped-def]
    """Choose to buy or sell if the taken lots are nearer to the fixed size than to zero."""
    lots = taken_lots(public, seat)
    seat.agent.action[0] = 0.0
    if 2 * abs(lots) > params.value[0]:
        seat.agent.action[0] = 1.0 if lots > 0 else 2.0
    return DECIDED


@trader
def write_mask(public, seat, params):  # type: ignore[no-untyped-def]
    """Allow buying and selling with room within the position limit and quotes to trade against."""
    seat.agent.mask[0] = 1
    seat.agent.mask[1] = np.uint8(public.depth[1] > 0 and quantity_of(seat, params, 1) >= 1.0)
    seat.agent.mask[2] = np.uint8(public.depth[0] > 0 and quantity_of(seat, params, -1) >= 1.0)
    return 3


@dataclass(frozen=True)
class MarketDiscrete:
    """Hold (0), buy (1) or sell (2) a fixed size at market; a masked choice has no effect.

    Attributes:
        quantity: of an order, in size scales.
        position_limit: largest position, long or short, that orders may build, in size scales.
    """

    decoder = decode
    encoder = encode
    mask = write_mask
    values = VALUES
    size = len(VALUES)
    quantity: float = 1.0
    position_limit: float = 3.0

    def __post_init__(self) -> None:
        for name in ("quantity", "position_limit"):
            require(getattr(self, name) > 0, f"action.{name}", getattr(self, name), "above zero")

    @property
    def space(self) -> Discrete[np.int64]:
        """Return the space of the three choices."""
        return Discrete(3)

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return quantity and position limit in whole lots."""
        return (spec.lots(self.quantity), spec.lots(self.position_limit))
