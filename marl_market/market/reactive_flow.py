"""Conditional order flow of a real market: what its orders depend on, as tables.

Why tables: each is a plain statistic of recorded orders (see `marl_market.calibration.estimates`), so a market of any
price, spread and activity is described without a formula that was chosen for another one. Their sizes are constants,
since the compiled traders that read them would else be compiled for each market.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.market.validation import is_number, require

SLOTS = 10
"""Parts of a session, equally long, that have an activity and a volatility of their own."""
REGIMES = 3
"""States of recent volatility, rising."""
SPREADS = 8
"""States of the spread, rising."""
KNOTS = 33
"""Evenly spaced quantiles of a distance, from 0.5 % to 99.5 %."""
ATOMS = 128
"""Equally likely sizes of a distribution of sizes."""
DEPTHS = 4
"""States of the quantity at the best price that a market order meets, rising."""
SIZE_CLASSES = 2
"""Classes of the size of a limit order: below the median, or not."""
AGES, PLACES = 9, 6
DELAYS = 33
"""Quantiles of a delay below `FLEETING_SECONDS`, as logarithms."""
FLEETING_SECONDS = 0.01
"""Life of an order below which it and its cancel are one decision."""
"""States of the age of an order, and of its distance behind the best price of its side."""
LOW, HIGH = 0.005, 0.995

SHAPES = {
    "regime_edges": (REGIMES - 1,),
    "spread_edges": (SPREADS - 1,),
    "offset_ticks": (REGIMES, SPREADS, KNOTS),
    "limit_size_lots": (PLACES, ATOMS),
    "depth_edges": (DEPTHS - 1,),
    "market_size_lots": (DEPTHS, ATOMS),
    "size_edges": (SIZE_CLASSES - 1,),
    "age_edges": (AGES - 1,),
    "place_edges": (PLACES - 1,),
    "fleeting": (SIZE_CLASSES, SPREADS, PLACES),
    "fleeting_life": (DELAYS,),
    "reaction": (DELAYS,),
    "cancel_hazard": (SIZE_CLASSES, SPREADS, AGES, PLACES),
    "activity": (SLOTS,),
    "taking": (SPREADS,),
}
RISING = (
    "size_edges",
    "regime_edges",
    "spread_edges",
    "depth_edges",
    "age_edges",
    "place_edges",
    "offset_ticks",
    "fleeting_life",
    "reaction",
)
ABOVE_ZERO = (
    "limit_size_lots",
    "market_size_lots",
    "activity",
    "taking",
    "fleeting_life",
    "reaction",
)
ZERO_OR_MORE = ("regime_edges", "cancel_hazard", "fleeting")

Table = Sequence[float] | Sequence[Sequence[float]] | Sequence[Sequence[Sequence[float]]]


@dataclass(frozen=True)
class ReactiveFlow:
    """Order flow of a real market by state of its spread, recent volatility, book and time of day.

    State i of a quantity is between edges i - 1 and i, an edge itself belonging to the state above it. Prices are in
    ticks, quantities in lots, times in seconds.

    Attributes:
        regime_edges: edges of the states of volatility, the mean absolute one-second change of the mid price with a
            half-life of 30 seconds, in ticks.
        spread_edges: edges of the states of the spread, in ticks.
        offset_ticks: quantiles of the distance of a limit order from the best price of the opposite side, by state of
            volatility and of the spread.
        limit_size_lots: equally likely sizes of a limit order, by its distance behind the best price of its side.
        depth_edges: edges of the states of the quantity at the best price that a market order meets.
        market_size_lots: equally likely sizes of a market order, by that state.
        size_edges: edges of the classes of the size of a limit order, in lots: programs of their own use odd sizes.
        age_edges: edges of the states of an order's age, in seconds.
        place_edges: edges of the states of its distance behind the best price of its side, in ticks.
        cancel_hazard: cancels of an open order in a second of activity, by class of size, state of the spread, age
            and distance; a second of activity is the time in which the messages of a mean second come.
        fleeting: share of limit orders that are canceled within `FLEETING_SECONDS`, by class of size, state of the
            spread and distance behind the best price.
        fleeting_life: quantiles of their lives, in seconds, evenly spaced as `offset_ticks`.
        reaction: those of the time between two messages that is shorter than `FLEETING_SECONDS`, likewise.
        activity: rate of limit orders in each tenth of the session, relative to its mean.
        taking: rate of market orders in each state of the spread, relative to its mean.
        following: share of market orders that follow another of their side within 10 milliseconds.
    """

    regime_edges: Sequence[float]
    spread_edges: Sequence[float]
    offset_ticks: Sequence[Sequence[Sequence[float]]]
    limit_size_lots: Sequence[Sequence[float]]
    depth_edges: Sequence[float]
    market_size_lots: Sequence[Sequence[float]]
    size_edges: Sequence[float]
    age_edges: Sequence[float]
    place_edges: Sequence[float]
    cancel_hazard: Sequence[Sequence[Sequence[Sequence[float]]]]
    fleeting: Sequence[Sequence[Sequence[float]]]
    fleeting_life: Sequence[float]
    reaction: Sequence[float]
    activity: Sequence[float]
    taking: Sequence[float]
    following: float

    def __post_init__(self) -> None:
        require(
            is_number(self.following) and 0 <= self.following < 1,
            "market.flow.reactive.following",
            self.following,
            "zero or more, and below 1",
        )
        for name, shape in SHAPES.items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), shape))

    def table(self, name: str) -> NDArray[np.float64]:
        """Return a table as an array of its shape in `SHAPES`."""
        return np.array(getattr(self, name))


def _checked(name: str, table: Table, shape: tuple[int, ...]) -> tuple[object, ...]:
    """Return a table as tuples; raises ConfigError where its shape or a value is impossible."""
    key, size = f"market.flow.reactive.{name}", " x ".join(map(str, shape))
    try:
        values = np.asarray(table, np.float64)
    except (TypeError, ValueError):
        values = np.full(1, np.nan)
    require(values.shape == shape and bool(np.isfinite(values).all()), key, table, f"{size} finite numbers")
    if name in RISING:
        require(bool((np.diff(values) >= 0).all()), key, table, "numbers that never fall along a row")
    if name in ABOVE_ZERO:
        require(bool((values > 0).all()), key, table, "above zero")
    if name in ZERO_OR_MORE:
        require(bool((values >= 0).all()), key, table, "zero or more")
    return _tuples(values.tolist())


def _tuples(table: object) -> tuple[object, ...]:
    assert isinstance(table, list)
    return tuple(_tuples(row) if isinstance(row, list) else row for row in table)
