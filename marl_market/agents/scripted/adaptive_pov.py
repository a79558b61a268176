"""A market maker that adapts its size to the volume and its spread to the market's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.agents.scripted.ladder import LEVELS
from marl_market.agents.scripted.quoting import quote_both_sides
from marl_market.env.trading import DECIDED, MarketSpec, Traits, require, trader


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote a ladder whose spread and sizes follow averages of the market's spread and volume."""
    table, memory, middle = params.value, seat.agent.memory, public.reference_ticks
    if memory[2] == 0.0:
        memory[0] = table[1]
        memory[1] = 0.0
        memory[2] = 1.0
    if public.depth[0] > 0 and public.depth[1] > 0:
        memory[0] += table[0] * (public.best_ask - public.best_bid - memory[0])
    memory[1] += table[0] * (public.step_lots[0] + public.step_lots[1] - memory[1])
    lots = max(table[3], np.floor(table[2] * memory[1] + 0.5))
    half = 0.5 * memory[0]
    quote_both_sides(public, seat, middle - half, middle + half, lots, lots, int(table[4]), max(1.0, half))
    return DECIDED


@dataclass(frozen=True)
class AdaptivePOV:
    """Make a market with sizes in proportion to its volume.

    A reimplementation: the ladder of Chakraborty and Kearns (2011) with size and width of the adaptive market maker of
    ABIDES (Byrd, Hybinette and Balch 2020).

    Sees: the best bid and offer, the volume of each step.
    Does: replaces `levels` bids and asks each step, the first an average spread apart, further ones half an average
        spread behind; the size of each is `rate` of the average volume of a step, at least `min_size`. Never crosses
        the spread.

    Attributes:
        rate: quantity of a level, as a share of the mean volume of a step.
        min_size: minimum quantity of a level, in size scales of the market.
        half_life_seconds: of the averages.
        levels: number of levels on each side.
    """

    trader = quote
    traits = Traits(warms_up=True)
    rate: float = 0.25
    min_size: float = 0.2
    half_life_seconds: float = 10.0
    levels: int = 3

    def __post_init__(self) -> None:
        require(0 < self.rate <= 1, "adaptive_pov.rate", self.rate, "above 0 and at most 1")
        for name in ("min_size", "half_life_seconds"):
            require(getattr(self, name) > 0, f"adaptive_pov.{name}", getattr(self, name), "above zero")
        require(1 <= self.levels <= LEVELS, "adaptive_pov.levels", self.levels, f"1 to {LEVELS}")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the weight of a new step, the initial spread in ticks, the rate, the minimum lots and the levels."""
        weight = 1.0 - math.exp2(-spec.step_seconds / self.half_life_seconds)
        return (weight, spec.flow.spread_ticks, self.rate, spec.lots(self.min_size), self.levels)
