"""A trader that always shaves a tick off the best price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from marl_market.agents.scripted.assignment import (
    LIMIT,
    SIDE,
    Assignments,
    attends,
    quote_assignment,
    work_on_assignment,
)
from marl_market.agents.scripted.quoting import best_of_others
from marl_market.agents.scripted.random_shout import ABSOLUTE, highest_price, lowest_price, shout_parameters
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.exchange.commands import HIGHEST_PRICE
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

OUTBIDS_ITSELF = ABSOLUTE + 1


@trader
def trade(public, seat, params):  # type: ignore[no-untyped-def]
    """Improve the best price of one's own side by a tick, as far as the limit allows."""
    left = work_on_assignment(public, seat, params)
    if left == 0 or not attends(seat, params):
        return DECIDED
    side, limit = int(seat.agent.memory[SIDE]), seat.agent.memory[LIMIT]
    index = (1 - side) >> 1
    if params.value[OUTBIDS_ITSELF] == 1.0 and public.depth[index] > 0:
        price = np.float64(public.level[index, 0].price_ticks + side)
    else:
        price = best_of_others(public, seat, side) + side
    if side * price < 0.5 * -HIGHEST_PRICE:
        price = lowest_price(seat, params) if side > 0 else highest_price(seat, params)
    if side * price > side * limit:
        price = limit
    quote_assignment(seat, price, left)
    return DECIDED


@dataclass(frozen=True)
class Shaver:
    """Improve the touch by one tick: SHVR (Cliff 2012, the Bristol Stock Exchange).

    Sees: its own limit price, the touch.
    Does: bids a tick above the best bid of the others, or asks a tick below their best ask, but never beyond its
        limit; where nobody else quotes, opens at the end of its price range.

    Attributes:
        assignments: what its customers ask for.
        price_range: lowest and highest price, in currency; None takes `stub` price scales about the price it saw first.
        stub: see `price_range`.
        outbids_itself: whether it also improves on its own quote, as the original does.
    """

    trader = trade
    observes = False
    warms_up = False
    params_per_market = False
    assignments: Assignments = field(default_factory=Assignments)
    price_range: tuple[float, float] | None = None
    stub: float = 4.0
    outbids_itself: bool = False

    def __post_init__(self) -> None:
        require(self.stub > 0, "shaver.stub", self.stub, "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return those of the assignments, the price range and whether it outbids itself."""
        own = shout_parameters("shaver", spec, self.price_range, self.stub, self.outbids_itself)
        return self.assignments.parameters(spec, own)
