"""A zero-intelligence trader with a budget constraint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from marl_market.agents.scripted.assignment import LIMIT, SIDE, Assignments, update_assignment
from marl_market.agents.scripted.random_shout import highest_price, lowest_price, shout, shout_parameters
from marl_market.env.trading import DECIDED, MarketSpec, Traits, require, trader


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote a random price without loss."""
    left = update_assignment(public, seat, params)
    low, high = lowest_price(seat, params), highest_price(seat, params)
    if seat.agent.memory[SIDE] > 0.0:
        high = seat.agent.memory[LIMIT]
        low = min(low, high)
    else:
        low = seat.agent.memory[LIMIT]
    shout(public, seat, params, left, low, high)
    return DECIDED


@dataclass(frozen=True)
class ZIConstrained:
    """Quote random prices within the budget constraint: ZI-C (Gode and Sunder 1993).

    Sees: its own limit price, the trades of the last step.
    Does: replaces its quote by one at a price drawn uniformly from the lowest price to its limit to buy, from its
        limit to the highest price to sell.

    Attributes:
        assignments: its customer orders.
        price_range: lowest and highest price, in currency; None: `reach` price scales about its first reference price.
        reach: see `price_range`.
        cancels: whether it cancels its quote after any trade, as in the auctions of the paper.
        improves: whether it quotes only improvements on the best price of its side, as there.
    """

    trader = quote
    traits = Traits()
    assignments: Assignments = field(default_factory=Assignments)
    price_range: tuple[float, float] | None = None
    reach: float = 4.0
    cancels: bool = False
    improves: bool = False

    def __post_init__(self) -> None:
        require(self.reach > 0, "zi_constrained.reach", self.reach, "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the parameters of the assignments, the price range and the rules."""
        rules = (self.cancels, self.improves)
        own = shout_parameters("zi_constrained", spec, self.price_range, self.reach, *rules)
        return self.assignments.parameters(spec, own)
