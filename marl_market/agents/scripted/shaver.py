"""A trader that always improves the best price by a tick, one of the Bristol Stock Exchange."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from marl_market.agents.scripted.assignment import (
    LIMIT,
    SIDE,
    Assignments,
    may_requote,
    quote_assignment,
    update_assignment,
)
from marl_market.agents.scripted.quoting import best_excluding_own
from marl_market.agents.scripted.random_shout import ABSOLUTE, highest_price, lowest_price, shout_parameters
from marl_market.env.trading import DECIDED, HIGHEST_PRICE, MarketSpec, Traits, require, trader

OUTBIDS_ITSELF = ABSOLUTE + 1


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Improve the best price of the assignment's side by a tick, up to the limit price."""
    left = update_assignment(public, seat, params)
    if left == 0 or not may_requote(seat, params):
        return DECIDED
    side, limit = int(seat.agent.memory[SIDE]), seat.agent.memory[LIMIT]
    index = (1 - side) >> 1
    if params.value[OUTBIDS_ITSELF] == 1.0 and public.depth[index] > 0:
        price = np.float64(public.level[index, 0].price_ticks + side)
    else:
        price = best_excluding_own(public, seat, side) + side
    if side * price < 0.5 * -HIGHEST_PRICE:
        price = lowest_price(seat, params) if side > 0 else highest_price(seat, params)
    if side * price > side * limit:
        price = limit
    quote_assignment(seat, price, left)
    return DECIDED


@dataclass(frozen=True)
class Shaver:
    """Improve the best price by one tick: shaver, SHVR (Cliff 2012, the Bristol Stock Exchange).

    Sees: its own limit price, the best bid and offer.
    Does: bids a tick above the best bid of other seats, or asks a tick below their best ask, but never beyond its
        limit; where no other seat quotes, opens at the end of its price range.

    Attributes:
        assignments: its customer orders.
        price_range: lowest and highest price, in currency; None: `stub` price scales about its first reference price.
        stub: see `price_range`.
        outbids_itself: whether it also improves on its own quote, as the original does.
    """

    trader = quote
    traits = Traits()
    assignments: Assignments = field(default_factory=Assignments)
    price_range: tuple[float, float] | None = None
    stub: float = 4.0
    outbids_itself: bool = False

    def __post_init__(self) -> None:
        require(self.stub > 0, "shaver.stub", self.stub, "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the parameters of the assignments, the price range and the flag `outbids_itself`."""
        own = shout_parameters("shaver", spec, self.price_range, self.stub, self.outbids_itself)
        return self.assignments.parameters(spec, own)
