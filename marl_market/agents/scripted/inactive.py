"""A seat that never trades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.trading import DECIDED, MarketSpec, Traits, trader


@trader
def decide(public, seat, params):  # type: ignore[no-untyped-def]
    """Send nothing."""
    return DECIDED


@dataclass(frozen=True)
class Inactive:
    """Never trade: the seat of an agent that is left out of a market in which all other seats stay what they are.

    Sees: nothing.
    Does: nothing.
    """

    trader = decide
    traits = Traits()

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return no parameters."""
        return ()
