"""A market maker that skews its quotes against its position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.quoting import limit_lots, quote_within
from marl_market.env.trading import DECIDED, MarketSpec, Traits, require, trader


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote around a reservation price that falls with the position."""
    skew, half, size = params.value[0], params.value[1], params.value[2]
    reservation = public.reference_ticks - skew * seat.account.position / size
    quote_within(public, seat, reservation - half, reservation + half, size, params.value[3])
    return DECIDED


@dataclass(frozen=True)
class InventorySkew:
    """Optimal quotes under a linear utility with a quadratic terminal penalty (Spooner and Savani 2020).

    Sees: the mid price, the best bid and offer, its own position.
    Does: replaces one bid and one ask each step around s - 2 eta q, a total spread 2 / k + eta apart; never crosses
        the spread.

    Prices are in price scales of the market, quantities in quote sizes.

    Attributes:
        penalty: eta, per price scale and quote size.
        decay: k, decay of the fill probability with distance, per price scale.
        size: quantity of each quote, in size scales of the market.
        position_limit: largest position, long or short, that its quotes may build, in size scales of the market; None
            has no limit.
    """

    trader = quote
    traits = Traits(warms_up=True)
    penalty: float = 0.1
    decay: float = 2.0
    size: float = 1.0
    position_limit: float | None = None

    def __post_init__(self) -> None:
        require(self.penalty >= 0, "inventory_skew.penalty", self.penalty, "zero or more")
        for name in ("decay", "size"):
            require(getattr(self, name) > 0, f"inventory_skew.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the skew for each quote size held and half the spread in ticks, the size and the limit in lots."""
        scale = spec.price_scale_ticks
        half = 0.5 * (2.0 / self.decay + self.penalty)
        limit = limit_lots(self.position_limit, spec, "inventory_skew.position_limit")
        return (2.0 * self.penalty * scale, half * scale, spec.lots(self.size), limit)
