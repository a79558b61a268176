"""Traders who weigh fundamentals, the trend and noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.exchange.codes import TimeInForce
from marl_market.exchange.commands import submit_limit_order
from marl_market.exchange.random_streams import exponential, normal, uniform
from marl_market.exchange.records import SEAT_ORDERS
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

GOOD_TILL_CANCEL = int(TimeInForce.GOOD_TILL_CANCEL)
TREND, LAST, FUNDAMENTALIST, CHARTIST, RANDOM, BEGUN = 0, 1, 2, 3, 4, 5


@trader
def trade(public, seat, params):  # type: ignore[no-untyped-def]
    """Forecast the price from value, trend and noise, and offer to trade at a margin to the forecast."""
    table, memory, price = params.value, seat.agent.memory, public.reference_ticks
    if memory[BEGUN] == 0.0:
        for part in range(3):
            memory[FUNDAMENTALIST + part] = table[part] * exponential(seat)
        memory[LAST] = price
        memory[BEGUN] = 1.0
    memory[TREND] += table[3] * (price - memory[LAST] - memory[TREND])
    memory[LAST] = price
    total = memory[FUNDAMENTALIST] + memory[CHARTIST] + memory[RANDOM]
    if uniform(seat) >= table[4] or total == 0.0:
        return DECIDED
    move = memory[FUNDAMENTALIST] * (seat.agent.signal - price) / table[5]
    move += memory[CHARTIST] * memory[TREND] + memory[RANDOM] * table[6] * normal(seat)
    forecast = price + table[7] * move / total
    side = 1 if forecast > price else -1
    margin = table[8] * uniform(seat)
    submit_limit_order(seat, side, forecast - side * margin, int(table[9]), 0, GOOD_TILL_CANCEL, max(1, int(table[7])))
    return DECIDED


@dataclass(frozen=True)
class ChartistFundamentalist:
    """Forecast the price as fundamentalist, chartist and noise trader at once (Chiarella and Iori 2002, section 2).

    Sees: the fundamental value, the mid price.
    Does: draws its three weights g once, exponentially distributed (Chiarella, Iori and Perello 2009). At the times of
        a Poisson process it forecasts a move of tau (g_F (value - price) / tau_F + g_C trend + g_N sigma noise) /
        (g_F + g_C + g_N), and submits an order in that direction at a random margin short of the forecast, which
        expires after tau. Where it crosses the touch it trades at once.

    Moves are in ticks rather than logarithms, so that a price may have any sign, and the trend is an exponential
    average of the last tau.

    Attributes:
        fundamentalist: mean weight of the distance from the fundamental value.
        chartist: mean weight of the trend.
        noise: mean weight of a normal draw of the market's volatility.
        horizon_seconds: tau, how far ahead it forecasts.
        reversion_seconds: tau_F, in which it expects the price to return to the value.
        rate: orders a second.
        margin: highest margin, in price scales of the market.
        size: quantity of each order, in size scales of the market.
    """

    trader = trade
    observes = False
    warms_up = True
    params_per_market = False
    privileges = ("fundamental",)
    fundamentalist: float = 1.0
    chartist: float = 1.0
    noise: float = 1.0
    horizon_seconds: float = 10.0
    reversion_seconds: float = 20.0
    rate: float = 0.5
    margin: float = 1.0
    size: float = 1.0

    def __post_init__(self) -> None:
        for name in ("fundamentalist", "chartist", "noise", "margin"):
            require(getattr(self, name) >= 0, f"chartist_fundamentalist.{name}", getattr(self, name), "zero or more")
        for name in ("horizon_seconds", "reversion_seconds", "rate", "size"):
            require(getattr(self, name) > 0, f"chartist_fundamentalist.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the weights, and all else in steps, ticks and lots."""
        seconds, scale = spec.step_seconds, spec.price_scale_ticks
        chance, steps = -math.expm1(-self.rate * seconds), self.horizon_seconds / seconds
        open_orders = chance * steps
        good = open_orders <= SEAT_ORDERS
        require(good, "chartist_fundamentalist.rate", self.rate, f"low enough for {SEAT_ORDERS} open orders")
        return (
            self.fundamentalist,
            self.chartist,
            self.noise,
            -math.expm1(-1.0 / steps),
            chance,
            self.reversion_seconds / seconds,
            spec.flow.volatility_ticks * math.sqrt(seconds),
            steps,
            self.margin * scale,
            spec.lots(self.size),
        )
