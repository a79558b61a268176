"""The insider of Kyle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.agents.scripted.position_target import take_at_any_price
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def trade(public, seat, params):  # type: ignore[no-untyped-def]
    """Buy in proportion to how far the value is above the price."""
    if public.step % int(params.value[1]) != 0:
        return DECIDED
    demand = params.value[0] * (seat.agent.signal - public.reference_ticks)
    lots = np.int64(np.floor(abs(demand) + 0.5))
    if lots > 0:
        take_at_any_price(seat, 1 if demand > 0.0 else -1, lots, params.value[2])
    return DECIDED


@dataclass(frozen=True)
class InformedKyle:
    """Trade on the value as an insider in equilibrium (Kyle 1985, theorem 1; Holden and Subrahmanyam 1992 for n).

    Sees: the fundamental value, the reference price.
    Does: once in `interval_steps` it buys at market beta (v - p), sells where that is negative: beta = sigma_u /
        sqrt(n Sigma_0), which is what maximizes its profit against the price p + lambda (orders), where lambda =
        sqrt(n Sigma_0) / ((n + 1) sigma_u).

    Attributes:
        noise_deviation: sigma_u, standard deviation of what noise traders buy in an interval, in size scales.
        value_deviation: sqrt(Sigma_0), standard deviation of the value about the price, in price scales.
        insiders: n, how many know the value.
        interval_steps: steps from one order to the next.
        auction: whether it trades in call auctions, which take no market orders: then limit orders at any price.
    """

    trader = trade
    observes = False
    warms_up = False
    params_per_market = False
    privileges = ("fundamental",)
    noise_deviation: float = 1.0
    value_deviation: float = 2.0
    insiders: int = 1
    interval_steps: int = 1
    auction: bool = False

    def __post_init__(self) -> None:
        for name in ("noise_deviation", "value_deviation"):
            require(getattr(self, name) > 0, f"informed_kyle.{name}", getattr(self, name), "above zero")
        for name in ("insiders", "interval_steps"):
            require(getattr(self, name) >= 1, f"informed_kyle.{name}", getattr(self, name), "one or more")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return beta in lots a tick, the interval in steps and whether it trades in auctions."""
        lots, ticks = self.noise_deviation * spec.size_scale_lots, self.value_deviation * spec.price_scale_ticks
        return (lots / (math.sqrt(self.insiders) * ticks), self.interval_steps, self.auction)
