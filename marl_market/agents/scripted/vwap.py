"""The execution trader of the volume-weighted average price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from marl_market.agents.scripted.position_target import execute_up_to, require_parent_order, share_of_horizon
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

BUCKETS = 64


@trader
def execute(public, seat, params):  # type: ignore[no-untyped-def]
    """Be as far with the order as the market is expected to be with its volume."""
    table = params.value
    place = share_of_horizon(public, table[2]) * table[3]
    bucket = min(np.int64(place), np.int64(table[3]) - 1)
    low, high = table[4 + bucket], table[5 + bucket]
    execute_up_to(seat, table[0], table[1], low + (place - bucket) * (high - low))
    return DECIDED


@dataclass(frozen=True)
class VWAP:
    """Execute a parent order as the market's volume is expected to come (Konishi 2002: static VWAP slicing).

    Sees: its own position, the clock.
    Does: each step buys (or sells) at market what is missing to X F(t + 1), F the share of the volume expected by then.

    Attributes:
        side: 1 to buy, -1 to sell.
        size: quantity of the parent order, in size scales of the market.
        horizon: part of the session in which it is executed.
        profile: expected volume in each of as many equal parts of the horizon, in any unit.
    """

    trader = execute
    observes = False
    warms_up = False
    params_per_market = False
    side: int = 1
    size: float = 20.0
    horizon: float = 1.0
    profile: Sequence[float] = (1.6, 1.1, 0.8, 0.7, 0.7, 0.8, 1.1, 1.6)

    def __post_init__(self) -> None:
        require_parent_order("vwap", self.side, self.size, self.horizon)
        profile = tuple(float(volume) for volume in self.profile)
        good = 1 <= len(profile) <= BUCKETS and min(profile) >= 0 and sum(profile) > 0
        require(good, "vwap.profile", profile, f"1 to {BUCKETS} numbers of zero or more, not all zero")
        object.__setattr__(self, "profile", profile)

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return side, quantity in lots, horizon, number of parts, and the share of the volume at each part's end."""
        shares = [volume / sum(self.profile) for volume in accumulate(self.profile, initial=0.0)]
        return (self.side, spec.lots(self.size), self.horizon, len(self.profile), *shares)
