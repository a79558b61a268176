"""Levels and sizes of a discrete action scheme, and their layout in params.value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from marl_market.env.actions.encoding import (
    level_of_price,
    missing_order,
    nearest_index,
    order_price,
    unwanted_order,
)
from marl_market.exchange.compiled import compiled, inlined
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

FIRST_LEVEL = 3
MAXIMUM_ENTRIES = 10
"""Largest number of levels, and of sizes, of a grid."""


@inlined
def level_of(params, level):  # type: ignore[no-untyped-def]
    """Return the distance of a level from the reference price, in ticks."""
    return params.value[FIRST_LEVEL + level]


@inlined
def quantity_of(params, size):  # type: ignore[no-untyped-def]
    """Return the lots of a size."""
    return params.value[FIRST_LEVEL + int(params.value[0]) + size]


@compiled
def nearest_level(public, params, command):  # type: ignore[no-untyped-def]
    """Return the nearest level to the price of an order."""
    return level_of_price(public, params, FIRST_LEVEL, int(params.value[0]), command.side, order_price(command))


@compiled
def nearest_size(params, lots):  # type: ignore[no-untyped-def]
    """Return the nearest size to a quantity."""
    return nearest_index(params.value, FIRST_LEVEL + int(params.value[0]), int(params.value[1]), lots)


@compiled
def missing_grid_order(public, seat, params):  # type: ignore[no-untyped-def]
    """Return the index of a command that is an order without an open one at its level, -1 for none."""
    return missing_order(public, seat, params, FIRST_LEVEL, int(params.value[0]))


@compiled
def unwanted_grid_order(public, seat, params):  # type: ignore[no-untyped-def]
    """Return the slot of an open order that is canceled without a new one at its level, -1 for none."""
    return unwanted_order(public, seat, params, FIRST_LEVEL, int(params.value[0]))


@dataclass(frozen=True)
class Grid:
    """Levels and sizes of discrete actions.

    Attributes:
        levels: distances from the mid price in price scales, rising.
        sizes: quantities in size scales, rising.
        position_limit: largest position, long or short, that all open orders may build, in size scales.
    """

    levels: Sequence[float]
    sizes: Sequence[float]
    position_limit: float

    def __post_init__(self) -> None:
        for name in ("levels", "sizes"):
            values = tuple(float(value) for value in getattr(self, name))
            rising = all(low < high for low, high in pairwise(values)) and all(map(math.isfinite, values))
            require(
                1 <= len(values) <= MAXIMUM_ENTRIES and rising,
                f"action.{name}",
                values,
                f"1 to {MAXIMUM_ENTRIES} rising numbers",
            )
            object.__setattr__(self, name, values)
        require(self.sizes[0] > 0, "action.sizes", self.sizes, "above zero")
        require(self.position_limit > 0, "action.position_limit", self.position_limit, "above zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the numbers of levels and sizes, the limit in whole lots, levels in ticks and sizes in whole lots."""
        levels = (level * spec.price_scale_ticks for level in self.levels)
        sizes = (spec.lots(size) for size in self.sizes)
        return (len(self.levels), len(self.sizes), spec.lots(self.position_limit), *levels, *sizes)
