"""Background order flow in which orders call forth orders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.agents.scripted.calibrated_flow import flow_tables, offer_at_random, take_at_random
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.commands import cancel
from marl_market.exchange.compiled import compiled
from marl_market.exchange.random_streams import below, poisson
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

KINDS = 3  # limit orders, market orders, cancels
TYPES = 2 * KINDS  # the buying ones, then the selling ones
BRANCHING = 3 + KINDS
TABLES = BRANCHING + 2 * KINDS * KINDS
EXCITEMENT, ANCHOR, BEGUN = 0, TYPES, TYPES + 1
HIGHEST_COUNT = 8.0
"""Mean of a step beyond which a seat could send more commands than it may."""


@compiled
def cancel_at_random(seat, side):  # type: ignore[no-untyped-def]
    """Cancel one of the seat's open orders of a side, each with the same chance."""
    count = 0
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        count += seat.order[slot].side == side
    if count == 0:
        return
    chosen = below(seat, count)
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        if seat.order[slot].side == side:
            if chosen == 0:
                cancel(seat, seat.order[slot].order_id)
            chosen -= 1


@compiled
def open_orders_of(seat, side):  # type: ignore[no-untyped-def]
    """Return how many open orders of a side the seat has."""
    count = 0
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        count += seat.order[slot].side == side
    return count


@compiled
def expected_count(public, seat, table, kind):  # type: ignore[no-untyped-def]
    """Return the intensity of a type, in events a step; buying kinds come first."""
    side = 1 if kind < KINDS else -1
    row = kind % KINDS
    mean = table[3 + row]
    for cause in range(TYPES):
        same = 0 if (cause < KINDS) == (kind < KINDS) else KINDS * KINDS
        mean += table[BRANCHING + same + row * KINDS + cause % KINDS] * seat.agent.memory[EXCITEMENT + cause]
    if row == 2:
        mean *= 2.0 * open_orders_of(seat, side) / table[1]
    else:
        mean *= max(0.0, 1.0 - 2.0 * side * table[2] * (public.reference_ticks - seat.agent.memory[ANCHOR]))
    return min(mean, HIGHEST_COUNT)


@trader
def trade(public, seat, params):  # type: ignore[no-untyped-def]
    """Draw how many orders of each type come, submit them, and let them excite the next steps."""
    table, memory = params.value, seat.agent.memory
    if memory[BEGUN] == 0.0:
        memory[ANCHOR] = public.reference_ticks
        memory[BEGUN] = 1.0
    means = (
        expected_count(public, seat, table, 0), expected_count(public, seat, table, 1),
        expected_count(public, seat, table, 2), expected_count(public, seat, table, 3),
        expected_count(public, seat, table, 4), expected_count(public, seat, table, 5),
    )  # fmt: skip
    for kind in range(TYPES):
        side = 1 if kind < KINDS else -1
        count = poisson(seat, means[kind])
        memory[EXCITEMENT + kind] = table[0] * memory[EXCITEMENT + kind] + (1.0 - table[0]) * count
        for _ in range(count):
            if kind % KINDS == 0:
                offer_at_random(public, seat, table, TABLES, side)
            elif kind % KINDS == 1:
                take_at_random(seat, table, TABLES, side)
            else:
                cancel_at_random(seat, side)
    return DECIDED


@dataclass(frozen=True)
class Hawkes:
    """Self- and cross-exciting order flow (Bacry, Mastromatteo and Muzy 2015; Large 2007 for order types).

    Sees: the touch, its own open orders.
    Does: limit orders, market orders and cancels of either side, each a Poisson count of mean mu_i + sum over j of
        g_ij x_j a step, where x_j is the exponential average of the counts of type j (the Poisson autoregression that
        approximates a Hawkes process, Kirchner 2016). `same` and `opposite` are the branching ratios g, and the base
        rates mu = (I - G) r make the mean rates r those that the market was calibrated to. Sizes and distances
        are calibrated ones. Since a Hawkes process is a cloud of independent clusters, seats that each excite only
        themselves are together one Hawkes process.

    Attributes:
        share: part of the market's calibrated order flow that the whole group makes.
        same: branching ratios of limit orders, market orders and cancels (rows) by those of the same side (columns).
        opposite: branching ratios by those of the opposite side.
        half_life_seconds: of the excitement.
        open_orders: mean number of open orders a seat tends to; cancels are as many times likelier as it has more.
        conviction: how much less likely it buys for each price scale that the price is above where it first saw it.
    """

    trader = trade
    observes = False
    warms_up = True
    params_per_market = False
    share: float = 1.0
    same: Sequence[Sequence[float]] = ((0.3, 0.5, 0.1), (0.01, 0.4, 0.0), (0.1, 0.4, 0.2))
    opposite: Sequence[Sequence[float]] = ((0.1, 0.1, 0.1), (0.0, 0.1, 0.0), (0.1, 0.1, 0.1))
    half_life_seconds: float = 3.0
    open_orders: float = 12.0
    conviction: float = 0.1

    def __post_init__(self) -> None:
        for name in ("share", "half_life_seconds", "open_orders"):
            require(getattr(self, name) > 0, f"hawkes.{name}", getattr(self, name), "above zero")
        require(self.conviction >= 0, "hawkes.conviction", self.conviction, "zero or more")
        for name in ("same", "opposite"):
            ratios = tuple(tuple(float(ratio) for ratio in row) for row in getattr(self, name))
            good = [len(row) for row in ratios] == [KINDS] * KINDS and min(map(min, ratios)) >= 0
            require(good, f"hawkes.{name}", ratios, f"{KINDS} rows of {KINDS} ratios of zero or more")
            object.__setattr__(self, name, ratios)
        radius = float(np.abs(np.linalg.eigvals(np.add(self.same, self.opposite))).max())
        require(radius < 1, "hawkes.same + opposite", radius, "of spectral radius below 1, or the flow explodes")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return decay a step, open orders, lean a tick, base counts a step, branching ratios and quantile tables."""
        flow = spec.flow
        rates = np.array([flow.limit_rate, flow.market_rate, flow.cancel_rate])
        counts = 0.5 * self.share * spec.step_seconds / seats * rates
        base = counts - np.add(self.same, self.opposite) @ counts
        require(
            bool((base >= 0).all()), "hawkes.same + opposite", base.tolist(), f"small enough for {spec.name}'s rates"
        )
        decay = math.exp2(-spec.step_seconds / self.half_life_seconds)
        ratios = np.concatenate([np.ravel(self.same), np.ravel(self.opposite)])
        lean = self.conviction / spec.price_scale_ticks
        return (decay, self.open_orders, lean, *base, *ratios, *flow_tables(spec))
