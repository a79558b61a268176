"""A market maker that adapts its size to the volume and its spread to the market's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.agents.scripted.ladder import LEVELS
from marl_market.agents.scripted.quoting import quote_both_sides
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote a ladder as wide as the spread has been, and as large as the volume."""
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
    """Make a market as a percentage of its volume.

    It is the ladder of Chakraborty and Kearns (2011) with the size and the width of the adaptive market maker of
    ABIDES (Byrd, Hybinette and Balch 2020), written anew.

    Sees: the touch, the volume of each step.
    Does: replaces `levels` bids and asks each step. The first are as far apart as the spread has been on average,
        the others half that average apart; each has `rate` of the average volume of a step, at least `smallest`.
        Never crosses the touch.

    Attributes:
        rate: quantity of a level, as a share of the mean volume of a step.
        smallest: smallest quantity of a level, in size scales of the market.
        half_life_seconds: of the averages.
        levels: number of levels on each side.
    """

    trader = quote
    observes = False
    warms_up = True
    params_per_market = False
    rate: float = 0.25
    smallest: float = 0.2
    half_life_seconds: float = 10.0
    levels: int = 3

    def __post_init__(self) -> None:
        require(0 < self.rate <= 1, "adaptive_pov.rate", self.rate, "above 0 and at most 1")
        for name in ("smallest", "half_life_seconds"):
            require(getattr(self, name) > 0, f"adaptive_pov.{name}", getattr(self, name), "above zero")
        require(1 <= self.levels <= LEVELS, "adaptive_pov.levels", self.levels, f"1 to {LEVELS}")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the averages' weight of a new step, the first spread in ticks, the rate, least lots and levels."""
        weight = 1.0 - math.exp2(-spec.step_seconds / self.half_life_seconds)
        return (weight, spec.flow.spread_ticks, self.rate, spec.lots(self.smallest), self.levels)
