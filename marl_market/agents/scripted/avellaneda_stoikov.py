"""The market maker of Avellaneda and Stoikov."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.quoting import limit_lots, quote_within
from marl_market.env.trading import DECIDED, MarketSpec, Traits, trader


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote around the reservation price."""
    risk, decay_part, size = params.value[0], params.value[1], params.value[2]
    left = max(0.0, 1.0 - max(public.step, 0) / public.session_steps)
    inventory = seat.account.position / size
    reservation = public.reference_ticks - params.value[3] * inventory * risk * left
    half_spread = 0.5 * (risk * left + decay_part)
    quote_within(public, seat, reservation - half_spread, reservation + half_spread, size, params.value[4])
    return DECIDED


@dataclass(frozen=True)
class AvellanedaStoikov:
    """Optimal quotes of a risk-averse market maker (Avellaneda and Stoikov 2008, equations 29 and 30).

    Sees: the mid price, its own position, the time left in the session.
    Does: replaces one bid and one ask each step around the reservation price r = s - q gamma sigma^2 (T - t), a total
        spread gamma sigma^2 (T - t) + (2 / gamma) ln(1 + gamma / k) apart; never crosses the spread.

    Prices are in price scales of the market, quantities in quote sizes, and time in sessions.

    Attributes:
        risk_aversion: gamma, per price scale and quote size.
        decay: k, decay of the fill probability with distance, per price scale.
        size: quantity of each quote, in size scales of the market.
        skews: whether the reservation price depends on the position; false is the symmetric strategy of the paper.
        position_limit: largest position, long or short, that its quotes may build, in size scales of the market; None
            has no limit.
    """

    trader = quote
    traits = Traits(warms_up=True)
    risk_aversion: float = 0.02
    decay: float = 2.0
    size: float = 1.0
    skews: bool = True
    position_limit: float | None = None

    def __post_init__(self) -> None:
        for name in ("risk_aversion", "decay", "size"):
            if getattr(self, name) <= 0:
                raise ValueError(f"avellaneda_stoikov.{name} is {getattr(self, name)}; it must be above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return gamma sigma^2 of a session and (2 / gamma) ln(1 + gamma / k) in ticks, size, skew and limit."""
        spread = spec.price_scale_ticks
        variance = (spec.flow.volatility_ticks / spread) ** 2 * spec.session_steps * spec.step_seconds
        liquidity = 2.0 / self.risk_aversion * math.log1p(self.risk_aversion / self.decay)
        size = spec.lots(self.size)
        limit = limit_lots(self.position_limit, spec, "avellaneda_stoikov.position_limit")
        return (self.risk_aversion * variance * spread, liquidity * spread, size, self.skews, limit)
