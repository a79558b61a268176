"""The execution trader of the time-weighted average price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.position_target import execute_up_to, require_parent_order, share_of_horizon
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.population.traits import Traits
from marl_market.market.spec import MarketSpec


@trader
def execute(public, seat, params):  # type: ignore[no-untyped-def]
    """Be as far with the order as with the time."""
    execute_up_to(seat, params.value[0], params.value[1], share_of_horizon(public, params.value[2]))
    return DECIDED


@dataclass(frozen=True)
class TWAP:
    """Execute a parent order evenly over time (Bertsimas and Lo 1998: optimal without a signal or risk aversion).

    Sees: its own position, the clock.
    Does: each step buys (or sells) at market what is missing to the even schedule X (t + 1) / N, rounded; what the
        book could not fill is caught up later.

    Attributes:
        side: 1 to buy, -1 to sell.
        size: quantity of the parent order, in size scales of the market.
        horizon: part of the session in which it is executed.
    """

    trader = execute
    traits = Traits()
    side: int = 1
    size: float = 20.0
    horizon: float = 1.0

    def __post_init__(self) -> None:
        require_parent_order("twap", self.side, self.size, self.horizon)

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the side, the quantity in lots and the horizon in sessions."""
        return (self.side, spec.lots(self.size), self.horizon)
