"""Decision timing by a delay that the action chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.env.actions.timed import FIRST_PARAMETER, MAXIMUM_PARAMETERS, timing_choice
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.timing.wakeups import sleep
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def timing(public, seat, params):  # type: ignore[no-untyped-def]
    """Sleep for the chosen number of steps."""
    sleep(public, seat, np.int64(params.timing_value[FIRST_PARAMETER + timing_choice(seat, params)]))
    return DECIDED


@dataclass(frozen=True)
class ChosenDelay:
    """The action chooses one of several delays.

    Attributes:
        delays: choices of the delay in steps; 1 acts in the next step.
    """

    timing_function = timing
    delays: Sequence[int] = (1, 2, 4, 8, 16)

    def __post_init__(self) -> None:
        object.__setattr__(self, "delays", tuple(self.delays))
        wanted = f"1 to {MAXIMUM_PARAMETERS} whole numbers of one step or more"
        whole = all(isinstance(steps, int) and steps >= 1 for steps in self.delays)
        require(1 <= len(self.delays) <= MAXIMUM_PARAMETERS and whole, "timing.delays", self.delays, wanted)

    @property
    def choices(self) -> int:
        """Return the number of delays."""
        return len(self.delays)

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the delays, in ticks of the market's clock."""
        return [spec.substeps * steps for steps in self.delays]
