"""Range of distances from the mid price and of quantities of a continuous action's orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@dataclass(frozen=True)
class OrderRange:
    """Bounds of the level and the size of orders, in the market's calibrated scales.

    The middle of the defaults of `quotes` is a distance of three eighths of a price scale, which is the calibrated
    spread or, if larger, the volatility of a second: an untrained policy quotes near the best bid and ask, where orders
    are filled. A range four times the distance of the useful ones hides them from a learner: its exploration is then as
    wide as they are.

    Raises ValueError, naming the field, for an empty range.

    Attributes:
        nearest: distance of an order for level -1, in price scales from the mid price; below zero to take.
        farthest: distance of an order for level +1, in price scales from the mid price.
        largest: largest quantity of an order, in size scales.
        position_limit: largest position, long or short, that open orders may build, in size scales.
    """

    nearest: float = -0.5
    farthest: float = 0.75
    largest: float = 4.0
    position_limit: float = 3.0

    def __post_init__(self) -> None:
        require(self.nearest < self.farthest, "action.nearest", self.nearest, f"below action.farthest {self.farthest}")
        for name in ("largest", "position_limit"):
            require(getattr(self, name) > 0, f"action.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return nearest and farthest in ticks, and largest and position limit in whole lots."""
        price = spec.price_scale_ticks
        lots = (spec.lots(scales) for scales in (self.largest, self.position_limit))
        return (self.nearest * price, self.farthest * price, *lots)
