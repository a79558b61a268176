"""A trader that gives all of its gain away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from marl_market.agents.scripted.assignment import LIMIT, Assignments, attends, quote_assignment, work_on_assignment
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.population.traits import Traits
from marl_market.market.spec import MarketSpec


@trader
def trade(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote the limit price itself."""
    left = work_on_assignment(public, seat, params)
    if left > 0 and attends(seat, params):
        quote_assignment(seat, seat.agent.memory[LIMIT], left)
    return DECIDED


@dataclass(frozen=True)
class Giveaway:
    """Quote one's limit price: GVWY (Cliff 2012, the Bristol Stock Exchange).

    Sees: its own limit price.
    Does: bids or asks its limit price, and so gains only what the price of a resting quote leaves it.

    Attributes:
        assignments: what its customers ask for.
    """

    trader = trade
    traits = Traits()
    assignments: Assignments = field(default_factory=Assignments)

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return those of the assignments."""
        return self.assignments.parameters(spec)
