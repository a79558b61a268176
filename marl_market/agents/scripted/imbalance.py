"""A trader who reads the book's imbalance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.position_target import trade_towards
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.exchange.records import PUBLIC_LEVELS
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def lean(public, seat, params):  # type: ignore[no-untyped-def]
    """Hold a position on the heavier side of the book."""
    bids = asks = 0.0
    for i in range(int(params.value[0])):
        if i < public.depth[0]:
            bids += public.level[0, i].quantity_lots
        if i < public.depth[1]:
            asks += public.level[1, i].quantity_lots
    if bids + asks == 0.0:
        return DECIDED
    imbalance = (bids - asks) / (bids + asks)
    position = seat.account.position
    target = 0
    if imbalance > params.value[1]:
        target = int(params.value[2])
    elif imbalance < -params.value[1]:
        target = -int(params.value[2])
    elif imbalance * position > 0.0:
        target = position
    trade_towards(seat, target)
    return DECIDED


@dataclass(frozen=True)
class Imbalance:
    """Trade on the imbalance of the book (Cartea, Donnelly and Jaimungal 2018).

    Sees: the quantities of the best levels, its own position.
    Does: with rho = (bids - asks) / (bids + asks) over the best `levels` levels, buys at market when rho is above
        `threshold`, sells when it is below -`threshold`, keeps its position while rho has its sign, and closes it
        when it has not.

    Attributes:
        levels: how many levels of each side it adds up.
        threshold: imbalance that starts a trade.
        size: position it takes, in size scales of the market.
    """

    trader = lean
    observes = False
    warms_up = True
    params_per_market = False
    levels: int = 1
    threshold: float = 0.6
    size: float = 1.0

    def __post_init__(self) -> None:
        require(1 <= self.levels <= PUBLIC_LEVELS, "imbalance.levels", self.levels, f"1 to {PUBLIC_LEVELS}")
        require(0 < self.threshold < 1, "imbalance.threshold", self.threshold, "between 0 and 1")
        require(self.size > 0, "imbalance.size", self.size, "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the number of levels, the threshold and the size in lots."""
        return (self.levels, self.threshold, spec.lots(self.size))
