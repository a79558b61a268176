"""The competitive dealer of Glosten and Milgrom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.quoting import quote_both_sides
from marl_market.env.trading import DECIDED, MarketSpec, Traits, require, trader


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote the expected value conditional on a buy, and on a sell."""
    table, memory = params.value, seat.agent.memory
    if memory[1] == 0.0:
        memory[0] = table[2]
        memory[1] = 1.0
        memory[2] = public.reference_ticks
    else:
        memory[0] += table[1] * (public.step_lots[0] - public.step_lots[1]) / table[3]
    memory[0] = min(max(memory[0], -table[4]), table[4])
    after_buy = 1.0 / (1.0 + math.exp(-memory[0] - table[1]))
    after_sell = 1.0 / (1.0 + math.exp(-memory[0] + table[1]))
    low, width = memory[2] - table[0], 2.0 * table[0]
    quote_both_sides(public, seat, low + width * after_sell, low + width * after_buy, table[3], table[3], 1, 0.0)
    return DECIDED


@dataclass(frozen=True)
class GlostenMilgromMaker:
    """Quote regret-free prices against a known share of informed orders (Glosten and Milgrom 1985, section 2).

    Sees: the volume that aggressors bought and sold in the last step, its first reference price.
    Does: believes that the value is `half_range` above or below its first reference price, and updates the odds with
        every order of quote size: a buy multiplies them by (1 + mu) / (1 - mu), a sell divides them. Each step it
        replaces one ask at E[value | a buy comes] and one bid at E[value | a sell comes]: at even odds a spread of mu
        times the range. Rounded to ticks away from each other; never crosses the spread.

    Attributes:
        informed_share: mu, share of the orders that come from informed traders.
        half_range: distance of either value from the first reference price, in price scales of the market.
        probability: prior probability of the high value.
        max_belief: bound of the belief in either value.
        size: quantity of each quote and of a typical order, in size scales of the market.
    """

    trader = quote
    traits = Traits()
    informed_share: float = 0.2
    half_range: float = 2.0
    probability: float = 0.5
    max_belief: float = 0.999
    size: float = 1.0

    def __post_init__(self) -> None:
        for name in ("informed_share", "probability"):
            require(
                0 < getattr(self, name) < 1, f"glosten_milgrom_maker.{name}", getattr(self, name), "between 0 and 1"
            )
        certain = self.max_belief
        require(0.5 < certain < 1, "glosten_milgrom_maker.max_belief", certain, "between 0.5 and 1")
        for name in ("half_range", "size"):
            require(getattr(self, name) > 0, f"glosten_milgrom_maker.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the range in ticks, log odds of an order, of the prior, the size in lots and the highest log odds."""
        order = math.log((1.0 + self.informed_share) / (1.0 - self.informed_share))
        prior, certain = (math.log(chance / (1.0 - chance)) for chance in (self.probability, self.max_belief))
        return (self.half_range * spec.price_scale_ticks, order, prior, spec.lots(self.size), certain)
