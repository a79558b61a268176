"""A market maker with a fixed spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.quoting import quote_both_sides
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote at equal distances from the middle."""
    half, size, middle = params.value[0], params.value[1], public.reference_ticks
    quote_both_sides(public, seat, middle - half, middle + half, size, size, 1, 0.0)
    return DECIDED


@dataclass(frozen=True)
class FixedSpread:
    """Quote a fixed spread around the mid price: the symmetric strategy of Avellaneda and Stoikov (2008).

    Sees: the mid price, the touch.
    Does: replaces one bid and one ask each step, half a spread from the mid price, whatever its position; never
        crosses the touch.

    Attributes:
        spread: total spread, in price scales of the market.
        size: quantity of each quote, in size scales of the market.
    """

    trader = quote
    observes = False
    warms_up = True
    params_per_market = False
    spread: float = 1.0
    size: float = 1.0

    def __post_init__(self) -> None:
        for name in ("spread", "size"):
            require(getattr(self, name) > 0, f"fixed_spread.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return half the spread in ticks and the size in lots."""
        return (0.5 * self.spread * spec.price_scale_ticks, spec.lots(self.size))
