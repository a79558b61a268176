"""The informed trader of Glosten and Milgrom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.exchange.commands import submit_market
from marl_market.exchange.random_streams import uniform
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def trade(public, seat, params):  # type: ignore[no-untyped-def]
    """Take the quote that the value says is wrong."""
    if uniform(seat) >= params.value[0]:
        return DECIDED
    if public.depth[1] > 0 and seat.agent.signal > public.best_ask:
        submit_market(seat, 1, int(params.value[1]))
    elif public.depth[0] > 0 and seat.agent.signal < public.best_bid:
        submit_market(seat, -1, int(params.value[1]))
    return DECIDED


@dataclass(frozen=True)
class InformedGlostenMilgrom:
    """Trade one unit on perfect knowledge of the value when one's turn comes (Glosten and Milgrom 1985, section 2).

    Sees: the fundamental value, the touch.
    Does: with the chance of one arrival a step, buys `size` at market if the value is above the best ask, and sells
        if it is below the best bid. Beside noise traders it is the informed share mu of the arrivals if its group's
        rate is mu of all.

    Attributes:
        rate: arrivals a second.
        size: quantity of each order, in size scales of the market.
    """

    trader = trade
    observes = False
    warms_up = False
    params_per_market = False
    privileges = ("fundamental",)
    rate: float = 0.2
    size: float = 1.0

    def __post_init__(self) -> None:
        for name in ("rate", "size"):
            require(getattr(self, name) > 0, f"informed_glosten_milgrom.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the chance of an arrival a step and the size in lots."""
        chance = self.rate * spec.step_seconds
        require(chance <= 1, "informed_glosten_milgrom.rate", self.rate, f"at most one a step in {spec.name}")
        return (chance, spec.lots(self.size))
