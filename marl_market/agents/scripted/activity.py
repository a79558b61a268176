"""A clock of activity that runs in bursts: how many limit orders are due in a step."""

from __future__ import annotations

import math
from dataclasses import dataclass

from marl_market.agents.scripted.free_fields import require_free
from marl_market.agents.scripted.steady_rate import RATE_MEMORY, relative_to_mean
from marl_market.env.trading import MarketSpec, compiled
from marl_market.market.free_parameter import free
from marl_market.market.reactive_flow import SLOTS, ReactiveFlow

RATE, BASE, ON_JUMP, WHOLE_JUMP, ON_TRADE, ON_QUOTE, KEPT = range(7)
PROFILE = 7
ACTIVITY_PARAMETERS = PROFILE + SLOTS
WAITING, DUE, LONG_RUN = 0, 1, 2
ACTIVITY_MEMORY = LONG_RUN + RATE_MEMORY
WHOLE_JUMP_SCALES = 0.25


@compiled
def update_activity(public, jump, memory, first, table, start):  # type: ignore[no-untyped-def]
    """Add what the last step set off, and write how many limit orders are due now to `memory[first + DUE]`.

    In the long run they are the market's calibrated number, whatever sets them off.

    `jump` is that of the fundamental value, in ticks; the parameters begin at `table[start]`.
    """
    waiting = memory[first + WAITING]
    if public.step_lots[0] != public.step_lots[1]:
        waiting += table[start + ON_TRADE]
    if jump > 0.0:
        waiting += table[start + ON_JUMP] * min(1.0, jump / table[start + WHOLE_JUMP])
    for index in range(2):
        moved = public.previous_level[index, 0].price_ticks != public.level[index, 0].price_ticks
        if moved and public.depth[index] > 0 and public.previous_depth[index] > 0:
            waiting += table[start + ON_QUOTE]
    memory[first + WAITING] = waiting * table[start + KEPT]
    slot = min(max(int(public.step / public.session_steps * SLOTS), 0), SLOTS - 1)
    set_off = table[start + BASE] + waiting - memory[first + WAITING]
    relative = relative_to_mean(memory, first + LONG_RUN, set_off / table[start + RATE], public.step_seconds)
    memory[first + DUE] = table[start + PROFILE + slot] * table[start + RATE] * relative


@dataclass(frozen=True)
class Activity:
    """Order flow that is set off by what happens, as clusters of a branching process, on a clock of its own.

    Real messages come in clusters of some milliseconds: a jump of the value, a trade and a move of a best price each
    set off a mean number of orders, of which half are due within `half_life_seconds` (Hawkes 1971 with an exponential
    kernel; Bacry, Mastromatteo and Muzy 2015). The numbers are relative to each other: all of it is scaled to the
    market's calibrated rate, times the profile of the day (see `marl_market.agents.scripted.steady_rate`).

    Attributes:
        base: orders that come evenly, as a share of the market's calibrated rate of limit orders.
        on_jump: orders set off by a jump of a quarter of a price scale or more, and in proportion by a smaller one.
        on_trade: orders set off by a step with trades that are not balanced.
        on_quote: orders set off by a move of a best price.
        half_life_seconds: time within which half of the orders are due.
    """

    base: float = free(0.18, 0.01, 0.95, "logit")
    on_jump: float = free(12.0, 0.3, 60.0, "log")
    on_trade: float = free(9.1, 0.3, 60.0, "log")
    on_quote: float = free(0.71, 0.02, 5.0, "log")
    half_life_seconds: float = free(0.0046, 0.0005, 1.0, "log")

    def __post_init__(self) -> None:
        require_free(self, "activity")

    def parameters(self, spec: MarketSpec, flow: ReactiveFlow) -> tuple[float, ...]:
        """Return all and the even orders a step, those set off, the share of these kept a step, and the profile."""
        rate = spec.flow.limit_rate * spec.step_seconds
        kept = math.exp2(-spec.step_seconds / self.half_life_seconds) if self.half_life_seconds > 0 else 0.0
        whole = WHOLE_JUMP_SCALES * spec.price_scale_ticks
        return (rate, self.base * rate, self.on_jump, whole, self.on_trade, self.on_quote, kept, *flow.activity)
