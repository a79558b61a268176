"""A market maker with a fixed spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.quoting import limit_lots, quote_within
from marl_market.env.trading import DECIDED, MarketSpec, Traits, require, trader


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote at equal distances from the reference price."""
    half, middle = params.value[0], public.reference_ticks
    quote_within(public, seat, middle - half, middle + half, params.value[1], params.value[2])
    return DECIDED


@dataclass(frozen=True)
class FixedSpread:
    """Quote a fixed spread around the mid price: the symmetric strategy of Avellaneda and Stoikov (2008).

    Sees: the mid price, the best bid and offer.
    Does: replaces one bid and one ask each step, half a spread from the mid price, independent of its position; never
        crosses the spread.

    Attributes:
        spread: total spread, in price scales of the market.
        size: quantity of each quote, in size scales of the market.
        position_limit: largest position, long or short, that its quotes may build, in size scales of the market; None
            has no limit.
    """

    trader = quote
    traits = Traits(warms_up=True)
    spread: float = 1.0
    size: float = 1.0
    position_limit: float | None = None

    def __post_init__(self) -> None:
        for name in ("spread", "size"):
            require(getattr(self, name) > 0, f"fixed_spread.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return half the spread in ticks, and the size and the position limit in lots."""
        limit = limit_lots(self.position_limit, spec, "fixed_spread.position_limit")
        return (0.5 * self.spread * spec.price_scale_ticks, spec.lots(self.size), limit)
