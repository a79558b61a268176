"""A trader that always shaves a tick off the best price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from marl_market.agents.scripted.assignment import (
    ANCHOR,
    LIMIT,
    OWN,
    SIDE,
    Assignments,
    attends,
    quote_assignment,
    work_on_assignment,
)
from marl_market.agents.scripted.quoting import best_of_others
from marl_market.env.scheme import require
from marl_market.env.trader import DECIDED, trader
from marl_market.exchange.commands import HIGHEST_PRICE
from marl_market.market.spec import MarketSpec


@trader
def trade(public, seat, mind):  # type: ignore[no-untyped-def]
    """Improve the best price of one's own side by a tick, as far as the limit allows."""
    left = work_on_assignment(public, seat, mind)
    if left == 0 or not attends(seat, mind):
        return DECIDED
    side, limit = int(seat.memory[SIDE]), seat.memory[LIMIT]
    price = best_of_others(public, seat, side) + side
    if side * price < 0.5 * -HIGHEST_PRICE:
        price = seat.memory[ANCHOR] - side * mind.parameter[OWN]
    if side * price > side * limit:
        price = limit
    quote_assignment(seat, price, left)
    return DECIDED


@dataclass(frozen=True)
class Shaver:
    """Improve the touch by one tick: SHVR (Cliff 2012, the Bristol Stock Exchange).

    Sees: its own limit price, the touch.
    Does: bids a tick above the best bid of the others, or asks a tick below their best ask, but never beyond its
        limit; where nobody else quotes, opens `stub` below (above) the price it saw first. Unlike the original it
        does not outbid itself.

    Attributes:
        assignments: what its customers ask for.
        stub: distance of its opening quote, in price scales of the market.
    """

    trader = trade
    observes = False
    warms_up = False
    mind_per_market = False
    assignments: Assignments = field(default_factory=Assignments)
    stub: float = 4.0

    def __post_init__(self) -> None:
        require(self.stub > 0, "shaver.stub", self.stub, "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return those of the assignments and the stub in ticks."""
        return self.assignments.parameters(spec, (round(self.stub * spec.price_scale_ticks),))
