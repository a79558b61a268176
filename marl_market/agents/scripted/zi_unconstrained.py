"""A zero-intelligence trader without a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from marl_market.agents.scripted.assignment import Assignments, work_on_assignment
from marl_market.agents.scripted.random_shout import highest_price, lowest_price, shout, shout_parameters
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def trade(public, seat, params):  # type: ignore[no-untyped-def]
    """Shout prices at random."""
    left = work_on_assignment(public, seat, params)
    low, high = lowest_price(seat, params), highest_price(seat, params)
    shout(public, seat, params, left, low, high)
    return DECIDED


@dataclass(frozen=True)
class ZIUnconstrained:
    """Shout random prices: ZI-U (Gode and Sunder 1993).

    Sees: its own limit price, which it does not heed, whether there was a trade.
    Does: replaces its quote by one at a price drawn evenly from the whole price range, be it a loss or not.

    Attributes:
        assignments: what its customers ask for.
        price_range: lowest and highest price, in currency; None takes `reach` price scales about the first price seen.
        reach: see `price_range`.
        withdraws: whether it withdraws its quote after any trade, as in the auctions of the paper.
        improves: whether it shouts only what is better than the best of its side, as there.
    """

    trader = trade
    observes = False
    warms_up = False
    params_per_market = False
    assignments: Assignments = field(default_factory=Assignments)
    price_range: tuple[float, float] | None = None
    reach: float = 4.0
    withdraws: bool = False
    improves: bool = False

    def __post_init__(self) -> None:
        require(self.reach > 0, "zi_unconstrained.reach", self.reach, "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return those of the assignments, the price range and whether it withdraws."""
        rules = (self.withdraws, self.improves)
        own = shout_parameters("zi_unconstrained", spec, self.price_range, self.reach, *rules)
        return self.assignments.parameters(spec, own)
