"""An attacker that displays orders without intent to trade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.quoting import best_excluding_own
from marl_market.env.trading import (
    DECIDED,
    MarketSpec,
    Traits,
    cancel_all,
    require,
    submit_limit,
    submit_market,
    trader,
)


@trader
def spoof(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote a large order behind the best price of one side, and a small genuine one on the other."""
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
    submit_limit(seat, wanted, best_excluding_own(public, seat, wanted), missing)
    behind = best_excluding_own(public, seat, -wanted) + wanted * table[2]
    submit_limit(seat, -wanted, behind, int(table[1]))
    return DECIDED


@dataclass(frozen=True)
class Spoofer:
    """Spoof the book (Wang and Wellman 2017; both sides in turn). For robustness research only.

    Sees: the best bid and offer, its own orders and position.
    Does: while buying, keeps a genuine bid at the best bid of other seats, and a spoof ask of `spoof_size`
        `distance_ticks` behind their best ask, both replaced each step; having bought `size` it reverses all sides.
        After `patience_steps` it takes the rest at market.

    Attackers serve to measure the robustness of other agents in simulation; not for use in any real market.

    Attributes:
        size: position it takes in turn on either side, in size scales of the market.
        spoof_size: quantity of the spoof order, in size scales of the market.
        distance_ticks: distance of the spoof order behind the best quote.
        patience_steps: maximum waiting time of the genuine order.
    """

    trader = spoof
    traits = Traits()
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
