"""Fundamental value of an instrument: exogenous processes that only informed traders observe.

A process returns the whole path of a session at once, since no trade moves it; so two markets of one seed have the same
path whatever their traders do.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from marl_market.market.validation import is_number, require

if TYPE_CHECKING:
    from marl_market.market.spec import MarketSpec


class Fundamental(Protocol):
    """A process of the fundamental value.

    Attributes:
        published: whether the value is public: then it is the reference price that all seats observe and the mark
            that positions are valued at, as in models whose mid price is exogenous.
    """

    @property
    def published(self) -> bool: ...

    def path(self, spec: MarketSpec, steps: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Return the value at the beginning of each of `steps` steps, in ticks."""
        ...


@dataclass(frozen=True)
class MeanReverting:
    """A value that diffuses, jumps, and reverts to the initial price.

    An Ornstein-Uhlenbeck process sampled exactly, with normal jumps at Poisson times as in Merton (1976); in discrete
    time it is the mean-reverting fundamental of Wah, Wright and Wellman (2017).

    Attributes:
        half_life_seconds: half-life of a deviation from the initial price; None never reverts.
        volatility: standard deviation of a second's diffusion, in price scales of the market.
        jump_rate: jumps a second.
        jump_deviation: standard deviation of a jump, in price scales of the market.
        published: see `Fundamental`.
    """

    half_life_seconds: float | None = 60.0
    volatility: float = 0.1
    jump_rate: float = 0.0
    jump_deviation: float = 1.0
    published: bool = False

    def __post_init__(self) -> None:
        half_life = self.half_life_seconds
        require(
            half_life is None or half_life > 0, "market.fundamental.half_life_seconds", half_life, "above zero, or null"
        )
        for name in ("volatility", "jump_rate", "jump_deviation"):
            require(getattr(self, name) >= 0, f"market.fundamental.{name}", getattr(self, name), "zero or more")

    def path(self, spec: MarketSpec, steps: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Return the value at the beginning of each step, in ticks; it starts at the initial price."""
        seconds = spec.step_seconds
        rate = 0.0 if self.half_life_seconds is None else math.log(2.0) / self.half_life_seconds
        kept = math.exp(-rate * seconds)
        variance = seconds if rate == 0.0 else (1.0 - kept * kept) / (2.0 * rate)
        shock = self.volatility * math.sqrt(variance) * random.standard_normal(steps - 1)
        jumps = random.poisson(self.jump_rate * seconds, steps - 1)
        shock += self.jump_deviation * np.sqrt(jumps) * random.standard_normal(steps - 1)
        distance = accumulate(shock.tolist(), lambda before, move: kept * before + move, initial=0.0)
        return np.asarray(spec.initial_price_ticks + spec.price_scale_ticks * np.array(list(distance)))


@dataclass(frozen=True)
class TwoValues:
    """A value that is high or low throughout the session (Glosten and Milgrom 1985).

    Attributes:
        half_range: distance of both values from the initial price, in price scales of the market.
        probability: of the high value.
        published: see `Fundamental`.
    """

    half_range: float = 1.0
    probability: float = 0.5
    published: bool = False

    def __post_init__(self) -> None:
        require(self.half_range > 0, "market.fundamental.half_range", self.half_range, "above zero")
        require(0 <= self.probability <= 1, "market.fundamental.probability", self.probability, "between 0 and 1")

    def path(self, spec: MarketSpec, steps: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Return the value at the beginning of each step, in ticks: the same in all of them."""
        sign = 1.0 if random.random() < self.probability else -1.0
        return np.full(steps, spec.initial_price_ticks + sign * self.half_range * spec.price_scale_ticks)


@dataclass(frozen=True)
class PriceSeries:
    """A value that follows a series of real prices, from a start that the seed chooses.

    Attributes:
        prices: evenly spaced prices, in any currency: the path starts at the market's initial price and moves by
            their relative changes.
        steps_per_price: steps from one of them to the next, with linear interpolation in between.
        published: see `Fundamental`.
    """

    prices: Sequence[float]
    steps_per_price: int = 1
    published: bool = False

    def __post_init__(self) -> None:
        prices = tuple(float(price) for price in self.prices)
        good = len(prices) >= 2 and all(is_number(price) and price > 0 for price in prices)
        require(
            good,
            "market.fundamental.prices",
            f"{prices[:3]}... ({len(prices)})",
            "two or more finite prices above zero",
        )
        require(self.steps_per_price >= 1, "market.fundamental.steps_per_price", self.steps_per_price, "one or more")
        object.__setattr__(self, "prices", prices)

    def path(self, spec: MarketSpec, steps: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Return the value at the beginning of each step, in ticks; raises ValueError where the series is too short."""
        needed = 1 + math.ceil((steps - 1) / self.steps_per_price)
        if needed > len(self.prices):
            raise ValueError(
                f"fundamental.prices has {len(self.prices)} prices; {steps} steps of market "
                f"{spec.name} need {needed}, or a larger steps_per_price"
            )
        start = int(random.integers(len(self.prices) - needed + 1))
        window = np.array(self.prices[start : start + needed])
        places = np.arange(steps) / self.steps_per_price
        return np.asarray(spec.initial_price_ticks * np.interp(places, np.arange(needed), window / window[0]))


def price_series_from(path: str, column: str, steps_per_price: int = 1, published: bool = False) -> PriceSeries:
    """Return the series in a column of a CSV file; raises KeyError where it has no such column."""
    with Path(path).open(newline="") as file:
        prices = tuple(float(row[column]) for row in csv.DictReader(file) if row[column])
    return PriceSeries(prices, steps_per_price, published)
