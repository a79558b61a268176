"""The execution trader of the time-weighted average price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.position_target import elapsed_share, execute_up_to, require_parent_order
from marl_market.env.trading import DECIDED, MarketSpec, Traits, trader


@trader
def execute(public, seat, params):  # type: ignore[no-untyped-def]
    """Execute up to the elapsed share of the horizon."""
    execute_up_to(seat, params.value[0], params.value[1], elapsed_share(public, params.value[2]))
    return DECIDED


@dataclass(frozen=True)
class TWAP:
    """Execute a parent order evenly over time (Bertsimas and Lo 1998: optimal without a signal or risk aversion).

    Sees: its own position, the clock.
    Does: each step buys (or sells) at market its shortfall from the even schedule X (t + 1) / N, rounded; unfilled
        quantity is caught up later.

    Attributes:
        side: 1 to buy, -1 to sell.
        size: quantity of the parent order, in size scales of the market.
        horizon: time to execute it, as a fraction of the session.
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
