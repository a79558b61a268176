"""The execution trader of a percentage of volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.position_target import execute_up_to, require_parent_order
from marl_market.env.trading import DECIDED, MarketSpec, Traits, require, trader


@trader
def execute(public, seat, params):  # type: ignore[no-untyped-def]
    """Execute up to the target share of the session's volume."""
    table = params.value
    market_lots = public.session_lots - seat.account.traded_lots
    execute_up_to(seat, table[0], table[1], table[2] * market_lots / table[1])
    return DECIDED


@dataclass(frozen=True)
class POV:
    """Execute a parent order as a percentage of volume.

    Sees: the volume of the session, its own trades.
    Does: each step buys (or sells) at market its shortfall from the share `rate` of the session's volume, its own
        included: rate / (1 - rate) of the volume of other seats. It stops when the order is filled, or unfinished at
        the close.

    Attributes:
        side: 1 to buy, -1 to sell.
        size: quantity of the parent order, in size scales of the market.
        rate: target share of the volume.
    """

    trader = execute
    traits = Traits()
    side: int = 1
    size: float = 20.0
    rate: float = 0.1

    def __post_init__(self) -> None:
        require_parent_order("pov", self.side, self.size, 1.0)
        require(0 < self.rate < 1, "pov.rate", self.rate, "between 0 and 1")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the side, the quantity in lots and its lots for each lot of other seats."""
        return (self.side, spec.lots(self.size), self.rate / (1.0 - self.rate))
