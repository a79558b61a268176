"""The optimal execution of Almgren and Chriss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.position_target import execute_up_to, require_parent_order, share_of_horizon
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def execute(public, seat, params):  # type: ignore[no-untyped-def]
    """Be as far with the order as the optimal trajectory."""
    urgency = params.value[3]
    elapsed = share_of_horizon(public, params.value[2])
    done = elapsed
    if urgency > 0.0:  # 1 - sinh(K (1 - u)) / sinh(K), written so that a large K does not overflow
        left = math.exp(-urgency * elapsed) - math.exp(-urgency * (2.0 - elapsed))
        done = 1.0 - left / (1.0 - math.exp(-2.0 * urgency))
    execute_up_to(seat, params.value[0], params.value[1], done)
    return DECIDED


@dataclass(frozen=True)
class AlmgrenChriss:
    """Execute a parent order at the best trade-off of cost and risk (Almgren and Chriss 2001, equation 17).

    Sees: its own position, the clock.
    Does: each step buys (or sells) at market what is missing to the trajectory that leaves X sinh(kappa (T - t)) /
        sinh(kappa T), where 2 (cosh(kappa tau) - 1) / tau^2 = lambda sigma^2 / (eta - gamma tau / 2) and tau is a
        step. Without risk aversion that is TWAP.

    Prices are in price scales of the market, quantities in size scales, and time in sessions.

    Attributes:
        side: 1 to buy, -1 to sell.
        size: quantity of the parent order.
        horizon: T, part of the session in which it is executed.
        risk_aversion: lambda, per price scale and size scale.
        temporary_impact: eta, price concession for each size scale traded a session.
        permanent_impact: gamma, price move for each size scale traded.
    """

    trader = execute
    observes = False
    warms_up = False
    params_per_market = False
    side: int = 1
    size: float = 20.0
    horizon: float = 1.0
    risk_aversion: float = 0.02
    temporary_impact: float = 0.02
    permanent_impact: float = 0.0

    def __post_init__(self) -> None:
        require_parent_order("almgren_chriss", self.side, self.size, self.horizon)
        for name in ("risk_aversion", "permanent_impact"):
            require(getattr(self, name) >= 0, f"almgren_chriss.{name}", getattr(self, name), "zero or more")
        impact = self.temporary_impact
        require(impact > 0, "almgren_chriss.temporary_impact", impact, "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the side, the quantity in lots, the horizon and kappa T; raises ValueError where eta is too small."""
        step = 1.0 / spec.session_steps
        impact = self.temporary_impact - 0.5 * self.permanent_impact * step
        require(impact > 0, "almgren_chriss.temporary_impact", self.temporary_impact, "above permanent_impact step / 2")
        variance = (spec.flow.volatility_ticks / spec.price_scale_ticks) ** 2 * spec.session_steps * spec.step_seconds
        kappa = math.acosh(1.0 + 0.5 * step * step * self.risk_aversion * variance / impact) / step
        return (self.side, spec.lots(self.size), self.horizon, kappa * self.horizon)
