"""The execution trader that follows the volume of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.position_target import execute_up_to, require_parent_order
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def execute(public, seat, params):  # type: ignore[no-untyped-def]
    """Have traded the wanted share of all that was traded."""
    table = params.value
    others = public.session_lots - seat.account.traded_lots
    execute_up_to(seat, table[0], table[1], table[2] * others / table[1])
    return DECIDED


@dataclass(frozen=True)
class POV:
    """Execute a parent order as a percentage of volume.

    Sees: the volume of the session, its own trades.
    Does: each step buys (or sells) at market what is missing to the share `rate` of the session's volume, its own
        included: rate / (1 - rate) of what the others traded. It ends when the order is done, or unfinished with the
        session.

    Attributes:
        side: 1 to buy, -1 to sell.
        size: quantity of the parent order, in size scales of the market.
        rate: its share of the volume.
    """

    trader = execute
    observes = False
    warms_up = False
    params_per_market = False
    side: int = 1
    size: float = 20.0
    rate: float = 0.1

    def __post_init__(self) -> None:
        require_parent_order("pov", self.side, self.size, 1.0)
        require(0 < self.rate < 1, "pov.rate", self.rate, "between 0 and 1")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the side, the quantity in lots and the lots it trades for each lot of the others."""
        return (self.side, spec.lots(self.size), self.rate / (1.0 - self.rate))
