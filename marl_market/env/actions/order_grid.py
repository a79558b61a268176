"""The levels and sizes of a discrete action scheme, as its decoder reads them from a mind's parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from marl_market.env.actions.encoding import missing_order, nearest_number, order_price, place_of, unwanted_order
from marl_market.env.interface.schemes import whole_lots
from marl_market.exchange.compiled import compiled, inlined
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

FIRST_LEVEL = 3
MOST = 10
"""Most levels, and most sizes, of a grid."""


@inlined
def level_of(params, level):  # type: ignore[no-untyped-def]
    """Return the distance of a level from the reference price, in ticks."""
    return params.value[FIRST_LEVEL + level]


@inlined
def quantity_of(params, size):  # type: ignore[no-untyped-def]
    """Return the lots of a size."""
    return params.value[FIRST_LEVEL + int(params.value[0]) + size]


@compiled
def level_named(public, params, command):  # type: ignore[no-untyped-def]
    """Return the level that comes closest to the price of an order."""
    return place_of(public, params, FIRST_LEVEL, int(params.value[0]), command.side, order_price(command))


@compiled
def size_named(params, lots):  # type: ignore[no-untyped-def]
    """Return the size that comes closest to a quantity."""
    return nearest_number(params.value, FIRST_LEVEL + int(params.value[0]), int(params.value[1]), lots)


@compiled
def order_missing(public, seat, params):  # type: ignore[no-untyped-def]
    """Return which command is an order at a level where none is open, see `marl_market.env.actions.encoding`."""
    return missing_order(public, seat, params, FIRST_LEVEL, int(params.value[0]))


@compiled
def order_unwanted(public, seat, params):  # type: ignore[no-untyped-def]
    """Return the slot of an order at a level where the commands want none, see `marl_market.env.actions.encoding`."""
    return unwanted_order(public, seat, params, FIRST_LEVEL, int(params.value[0]))


@dataclass(frozen=True)
class Grid:
    """Levels and sizes that discrete actions choose from.

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
            require(1 <= len(values) <= MOST and rising, f"action.{name}", values, f"1 to {MOST} rising numbers")
            object.__setattr__(self, name, values)
        require(self.sizes[0] > 0, "action.sizes", self.sizes, "above zero")
        require(self.position_limit > 0, "action.position_limit", self.position_limit, "above zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the numbers of levels and sizes, the limit in whole lots, levels in ticks and sizes in whole lots."""
        levels = (level * spec.price_scale_ticks for level in self.levels)
        sizes = (whole_lots(size, spec) for size in self.sizes)
        return (len(self.levels), len(self.sizes), whole_lots(self.position_limit, spec), *levels, *sizes)
