"""Calibrated order flow of a real market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from marl_market.market.reactive_flow import ReactiveFlow
from marl_market.market.validation import is_number, require

QUANTILES = 17
"""Number of evenly spaced quantiles (0, 1/16, ..., 1) that describe a distribution in a market spec."""


@dataclass(frozen=True)
class OrderFlow:
    """Average order flow of the whole real market; it is divided among the background traders.

    Distributions are `QUANTILES` evenly spaced quantiles, linear in between.

    Attributes:
        limit_rate: limit orders a second.
        market_rate: market orders (executions of one aggressor merged) a second.
        cancel_rate: cancels a second.
        limit_size_lots: quantiles of a limit order's quantity.
        market_size_lots: quantiles of a market order's quantity.
        limit_offset_ticks: quantiles of the distance between a new limit order's price and the best price of the
            opposite side, so that its position within the spread depends on the spread's width.
        spread_ticks: time-weighted mean spread.
        volatility_ticks: standard deviation of the one-second change of the mid price; 0 where it never moved.
        depth_lots: mean quantity at the best price, over both sides.
        reactive: what the orders depend on; None where it was not estimated.
    """

    limit_rate: float
    market_rate: float
    cancel_rate: float
    limit_size_lots: Sequence[float]
    market_size_lots: Sequence[float]
    limit_offset_ticks: Sequence[float]
    spread_ticks: float
    volatility_ticks: float
    depth_lots: float
    reactive: ReactiveFlow | None = None

    def __post_init__(self) -> None:
        for name in ("limit_rate", "market_rate", "cancel_rate"):
            value = getattr(self, name)
            require(is_number(value) and value >= 0, f"market.flow.{name}", value, "zero or more a second")
        volatility = self.volatility_ticks
        good = is_number(volatility) and volatility >= 0
        require(good, "market.flow.volatility_ticks", volatility, "zero (of a mid price that never moved) or more")
        for name in ("spread_ticks", "depth_lots"):
            value = getattr(self, name)
            require(is_number(value) and value > 0, f"market.flow.{name}", value, "above zero")
        for name in ("limit_size_lots", "market_size_lots", "limit_offset_ticks"):
            values = tuple(getattr(self, name))
            numbers = len(values) == QUANTILES and all(map(is_number, values))
            require(
                numbers and all(low <= high for low, high in pairwise(values)),
                f"market.flow.{name}",
                values,
                f"{QUANTILES} finite numbers that never fall",
            )
            object.__setattr__(self, name, tuple(float(value) for value in values))
        for name in ("limit_size_lots", "market_size_lots"):
            require(getattr(self, name)[0] > 0, f"market.flow.{name}", getattr(self, name), "above zero")
