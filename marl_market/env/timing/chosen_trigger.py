"""Acting again when what the action chooses has happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.env.actions.timed import FIRST_PARAMETER, chosen
from marl_market.env.interface.schemes import whole_lots
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.timing.wakeups import sleep_until
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

NEXT_STEP, OWN_FILL, LARGE_TRADE, QUOTE_MOVE = range(4)


@trader
def timing(public, seat, params):  # type: ignore[no-untyped-def]
    """Sleep until the chosen trigger is pulled, or as long as one may at most."""
    trigger = chosen(seat, params)
    if trigger != NEXT_STEP:
        longest = np.int64(params.timing_value[FIRST_PARAMETER])
        lots = np.int64(params.timing_value[FIRST_PARAMETER + 1]) if trigger == LARGE_TRADE else 0
        ticks = np.int64(params.timing_value[FIRST_PARAMETER + 2]) if trigger == QUOTE_MOVE else 0
        sleep_until(public, seat, longest, np.int64(trigger == OWN_FILL), lots, ticks)
    return DECIDED


@dataclass(frozen=True)
class ChosenTrigger:
    """The action chooses what to wait for: the next step, a fill of its own, a large trade, a move of the touch.

    A trade is what one order takes from another one.

    Attributes:
        longest_steps: steps after which the seat acts again even if nothing has happened.
        trade_size: size of a trade that is large, in size scales of the market.
        quote_move: distance of the best bid or ask from where it was when the seat acted, in price scales.
    """

    timing_function = timing
    choices = 4
    longest_steps: int = 16
    trade_size: float = 1.0
    quote_move: float = 0.5

    def __post_init__(self) -> None:
        require(self.longest_steps >= 1, "pace.longest_steps", self.longest_steps, "one or more")
        for name in ("trade_size", "quote_move"):
            require(getattr(self, name) > 0, f"pace.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the longest sleep, and the triggers in whole lots and ticks, one at least."""
        ticks = max(1.0, float(round(self.quote_move * spec.price_scale_ticks)))
        return (float(self.longest_steps), whole_lots(self.trade_size, spec), ticks)
