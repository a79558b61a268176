"""An attacker that shows orders it does not mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.quoting import best_of_others
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.exchange.commands import cancel_all, submit_limit, submit_market
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def spoof(public, seat, params):  # type: ignore[no-untyped-def]
    """Show much on one side behind the touch, and trade little on the other."""
    table, memory = params.value, seat.agent.memory
    cancel_all(seat)
    if public.depth[0] == 0 or public.depth[1] == 0:
        return DECIDED
    if memory[0] == 0.0:
        memory[0] = 1.0
    wanted = int(memory[0])
    missing = wanted * (wanted * int(table[0]) - seat.account.position)
    memory[1] += 1.0
    if missing <= 0 or memory[1] > table[3]:
        if missing > 0:
            submit_market(seat, wanted, missing)
        memory[0] = -memory[0]
        memory[1] = 0.0
        return DECIDED
    submit_limit(seat, wanted, best_of_others(public, seat, wanted), missing)
    behind = best_of_others(public, seat, -wanted) + wanted * table[2]
    submit_limit(seat, -wanted, behind, int(table[1]))
    return DECIDED


@dataclass(frozen=True)
class Spoofer:
    """Spoof the book (Wang and Wellman 2017; both sides in turn). For robustness research only.

    Sees: the touch, its own orders and position.
    Does: while it wants to buy, keeps a genuine bid at the best bid of the others, and a `spoof_size` ask, which it
        does not mean to trade, `distance_ticks` behind their best ask, both replaced each step; having bought `size`
        it turns everything round. What it has not got after `patience_steps` it takes at market.

    An attacker is in the simulator to measure how robust others are to it; it is not meant for any real market.

    Attributes:
        size: position it takes in turn on either side, in size scales of the market.
        spoof_size: quantity of the order it does not mean, in size scales of the market.
        distance_ticks: how far behind the touch that is.
        patience_steps: steps it waits for its genuine order.
    """

    trader = spoof
    observes = False
    warms_up = False
    params_per_market = False
    size: float = 1.0
    spoof_size: float = 20.0
    distance_ticks: int = 1
    patience_steps: int = 20

    def __post_init__(self) -> None:
        for name in ("size", "spoof_size"):
            require(getattr(self, name) > 0, f"spoofer.{name}", getattr(self, name), "above zero")
        for name in ("distance_ticks", "patience_steps"):
            require(getattr(self, name) >= 1, f"spoofer.{name}", getattr(self, name), "one or more")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return size and spoofed size in lots, the distance in ticks and the patience in steps."""
        return (spec.lots(self.size), spec.lots(self.spoof_size), self.distance_ticks, self.patience_steps)
