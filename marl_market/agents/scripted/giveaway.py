"""A trader that quotes its limit price, the simplest of the Bristol Stock Exchange."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from marl_market.agents.scripted.assignment import LIMIT, Assignments, may_requote, quote_assignment, update_assignment
from marl_market.env.trading import DECIDED, MarketSpec, Traits, trader


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote the limit price itself."""
    left = update_assignment(public, seat, params)
    if left > 0 and may_requote(seat, params):
        quote_assignment(seat, seat.agent.memory[LIMIT], left)
    return DECIDED


@dataclass(frozen=True)
class Giveaway:
    """Quote the limit price: giveaway, GVWY (Cliff 2012, the Bristol Stock Exchange).

    Sees: its own limit price.
    Does: bids or asks its limit price, and so gains only by price improvement against a resting quote.

    Attributes:
        assignments: its customer orders.
    """

    trader = quote
    traits = Traits()
    assignments: Assignments = field(default_factory=Assignments)

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the parameters of the assignments."""
        return self.assignments.parameters(spec)
