"""Decision timing by a trigger that the action chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.env.actions.timed import FIRST_PARAMETER, timing_choice
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.timing.wakeups import sleep_until
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

NEXT_STEP, OWN_FILL, LARGE_TRADE, QUOTE_MOVE = range(4)


@trader
def timing(public, seat, params):  # type: ignore[no-untyped-def]
    """Sleep until the chosen trigger fires, or for the longest sleep."""
    trigger = timing_choice(seat, params)
    if trigger != NEXT_STEP:
        longest = np.int64(params.timing_value[FIRST_PARAMETER])
        lots = np.int64(params.timing_value[FIRST_PARAMETER + 1]) if trigger == LARGE_TRADE else 0
        ticks = np.int64(params.timing_value[FIRST_PARAMETER + 2]) if trigger == QUOTE_MOVE else 0
        sleep_until(public, seat, longest, np.int64(trigger == OWN_FILL), lots, ticks)
    return DECIDED


@dataclass(frozen=True)
class ChosenTrigger:
    """The action chooses a trigger: the next step, an own fill, a large trade, a move of the best bid or ask.

    A trade is the fill of one order against another.

    Attributes:
        longest_steps: steps after which the seat acts again without the trigger.
        trade_size: size of a large trade, in size scales of the market.
        quote_move: move of the best bid or ask since the seat acted, in price scales.
    """

    timing_function = timing
    choices = 4
    longest_steps: int = 16
    trade_size: float = 1.0
    quote_move: float = 0.5

    def __post_init__(self) -> None:
        require(self.longest_steps >= 1, "timing.longest_steps", self.longest_steps, "one or more")
        for name in ("trade_size", "quote_move"):
            require(getattr(self, name) > 0, f"timing.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the longest sleep in ticks of the clock, and the triggers in whole lots and ticks, one at least."""
        ticks = max(1.0, float(round(self.quote_move * spec.price_scale_ticks)))
        return (float(spec.substeps * self.longest_steps), spec.lots(self.trade_size), ticks)
