"""The competitive dealer of Glosten and Milgrom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.quoting import quote_both_sides
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote what the value would be worth after a buy, and after a sell."""
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

    Sees: the volume that aggressors bought and sold in the last step, the price it saw first.
    Does: believes that the value is `half_range` above or below the price it saw first, and updates the odds with
        every order of quote size: a buy multiplies them by (1 + mu) / (1 - mu), a sell divides them. Each step it
        replaces one ask at E[value | a buy comes] and one bid at E[value | a sell comes]: at even odds a spread of mu
        times the range. Rounded to ticks away from each other; never crosses the touch.

    Attributes:
        informed: mu, share of the orders that come from traders who know the value.
        half_range: distance of either value from the first price, in price scales of the market.
        probability: belief at first that the value is the high one.
        most_certain: belief beyond which it does not go, on either side.
        size: quantity of each quote and of a usual order, in size scales of the market.
    """

    trader = quote
    observes = False
    warms_up = False
    params_per_market = False
    informed: float = 0.2
    half_range: float = 2.0
    probability: float = 0.5
    most_certain: float = 0.999
    size: float = 1.0

    def __post_init__(self) -> None:
        for name in ("informed", "probability"):
            require(
                0 < getattr(self, name) < 1, f"glosten_milgrom_maker.{name}", getattr(self, name), "between 0 and 1"
            )
        certain = self.most_certain
        require(0.5 < certain < 1, "glosten_milgrom_maker.most_certain", certain, "between 0.5 and 1")
        for name in ("half_range", "size"):
            require(getattr(self, name) > 0, f"glosten_milgrom_maker.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the range in ticks, log odds of an order, of the prior, the size in lots and the highest log odds."""
        order = math.log((1.0 + self.informed) / (1.0 - self.informed))
        prior, certain = (math.log(chance / (1.0 - chance)) for chance in (self.probability, self.most_certain))
        return (self.half_range * spec.price_scale_ticks, order, prior, spec.lots(self.size), certain)
