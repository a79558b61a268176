"""An attacker that starts a move to trade against its followers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.position_target import trade_towards
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.exchange.commands import cancel_all, submit_limit, submit_market
from marl_market.exchange.random_streams import uniform
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def ignite(public, seat, params):  # type: ignore[no-untyped-def]
    """Push with a burst of market orders, then get out passively, and at market when time is up."""
    table, memory, position = params.value, seat.agent.memory, seat.account.position
    place = max(public.step, 0) % int(table[0])
    if place == 0:
        memory[0] = 1.0 if uniform(seat) < 0.5 else -1.0
    if memory[0] == 0.0:
        return DECIDED
    cancel_all(seat)
    if place < table[1]:
        submit_market(seat, int(memory[0]), int(table[2]))
    elif place == table[0] - 1:
        trade_towards(seat, 0)
    elif position > 0 and public.depth[1] > 0:
        submit_limit(seat, -1, public.best_ask, position)
    elif position < 0 and public.depth[0] > 0:
        submit_limit(seat, 1, public.best_bid, -position)
    return DECIDED


@dataclass(frozen=True)
class MomentumIgniter:
    """Ignite momentum and sell into it (as described by the SEC 2010, release 34-61358). For robustness research only.

    Sees: the touch, its own position.
    Does: each period draws a side, buys (or sells) `size` at market in each of the first `burst_steps` steps, then
        offers its position at the touch for followers to take, and closes what is left at market in the last step.

    An attacker is in the simulator to measure how robust others are to it; it is not meant for any real market.

    Attributes:
        period_steps: steps from one burst to the next.
        burst_steps: steps of a burst.
        size: quantity of each order of a burst, in size scales of the market.
    """

    trader = ignite
    observes = False
    warms_up = False
    params_per_market = False
    period_steps: int = 30
    burst_steps: int = 4
    size: float = 2.0

    def __post_init__(self) -> None:
        burst, period = self.burst_steps, self.period_steps
        require(1 <= burst < period, "momentum_igniter.burst_steps", burst, f"1 to below period_steps {period}")
        require(self.size > 0, "momentum_igniter.size", self.size, "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the period and the burst in steps and the size in lots."""
        return (self.period_steps, self.burst_steps, spec.lots(self.size))
