"""Self- and cross-exciting background order flow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.scripted.calibrated_flow import flow_tables, submit_random_limit, submit_random_market
from marl_market.env.trading import (
    DECIDED,
    MarketSpec,
    Traits,
    below,
    cancel,
    compiled,
    lowest_bit,
    poisson,
    require,
    trader,
)

KINDS = 3  # limit orders, market orders, cancels
TYPES = 2 * KINDS  # those of the buy side, then those of the sell side
BRANCHING = 3 + KINDS
TABLES = BRANCHING + 2 * KINDS * KINDS
EXCITATION, ANCHOR, BEGUN = 0, TYPES, TYPES + 1
HIGHEST_COUNT = 8.0
"""Maximum mean count of a type in a step, which keeps the commands of a seat within their limit."""


@compiled
def cancel_random_order(seat, side):  # type: ignore[no-untyped-def]
    """Cancel one of the seat's open orders of a side, each with the same probability."""
    count = count_open_orders(seat, side)
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
def count_open_orders(seat, side):  # type: ignore[no-untyped-def]
    """Return the number of the seat's open orders of a side."""
    count = 0
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        count += seat.order[slot].side == side
    return count


@compiled
def expected_count(public, seat, table, kind):  # type: ignore[no-untyped-def]
    """Return the intensity of a type, in events a step; types of the buy side come first."""
    side = 1 if kind < KINDS else -1
    row = kind % KINDS
    mean = table[3 + row]
    for cause in range(TYPES):
        same = 0 if (cause < KINDS) == (kind < KINDS) else KINDS * KINDS
        mean += table[BRANCHING + same + row * KINDS + cause % KINDS] * seat.agent.memory[EXCITATION + cause]
    if row == 2:
        mean *= 2.0 * count_open_orders(seat, side) / table[1]
    else:
        tilt = 2.0 * side * table[2] * (public.reference_ticks - seat.agent.memory[ANCHOR])
        mean *= 1.0 - min(1.0, max(-1.0, tilt))  # of both sides together it changes no rate
    return min(mean, HIGHEST_COUNT)


@trader
def send_orders(public, seat, params):  # type: ignore[no-untyped-def]
    """Submit a drawn number of orders of each type, which excite those of later steps."""
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
        memory[EXCITATION + kind] = table[0] * memory[EXCITATION + kind] + (1.0 - table[0]) * count
        for _ in range(count):
            if kind % KINDS == 0:
                submit_random_limit(public, seat, table, TABLES, side)
            elif kind % KINDS == 1:
                submit_random_market(seat, table, TABLES, side)
            else:
                cancel_random_order(seat, side)
    return DECIDED


@dataclass(frozen=True)
class Hawkes:
    """Self- and cross-exciting order flow (Bacry, Mastromatteo and Muzy 2015; Large 2007 for order types).

    Sees: the best bid and offer, its own open orders.
    Does: limit orders, market orders and cancels of either side, each a Poisson count of mean mu_i + sum over j of
        g_ij x_j a step, where x_j is the exponential average of the counts of type j (the Poisson autoregression that
        approximates a Hawkes process, Kirchner 2016). `same` and `opposite` are the branching ratios g, whatever the
        length of a step: an order causes g others on average. Without `base`, the base rates mu = (I - G) r make the
        mean rates r the calibrated rates of the market. Sizes and distances are calibrated too. Since a Hawkes process
        is a superposition of independent clusters, seats that each excite only themselves are together one Hawkes
        process. `marl_market.calibration.estimates.hawkes_likelihood` estimates all but `share`, `open_orders` and
        `conviction` from a tape.

    Attributes:
        share: fraction of the market's calibrated order flow made by the whole group.
        same: branching ratios of limit orders, market orders and cancels (rows) by those of the same side (columns).
        opposite: branching ratios by those of the opposite side.
        half_life_seconds: half-life of the excitation.
        base: base rates of limit orders, market orders and cancels of one side, a second; None for those that make the
            mean rates the calibrated ones.
        open_orders: mean number of open orders of a seat; cancel rates grow in proportion to its open orders.
        conviction: mean reversion: decrease of the probability to buy for each price scale of the price above the
            seat's first reference price.
    """

    trader = send_orders
    traits = Traits(warms_up=True)
    share: float = 1.0
    same: Sequence[Sequence[float]] = ((0.3, 0.5, 0.1), (0.01, 0.4, 0.0), (0.1, 0.4, 0.2))
    opposite: Sequence[Sequence[float]] = ((0.1, 0.1, 0.1), (0.0, 0.1, 0.0), (0.1, 0.1, 0.1))
    half_life_seconds: float = 3.0
    base: Sequence[float] | None = None
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
        if self.base is not None:
            rates = tuple(float(rate) for rate in self.base)
            good = len(rates) == KINDS and min(rates) >= 0
            require(good, "hawkes.base", rates, f"{KINDS} rates of zero or more")
            object.__setattr__(self, "base", rates)
        radius = float(np.abs(np.linalg.eigvals(np.add(self.same, self.opposite))).max())
        require(radius < 1, "hawkes.same + opposite", radius, "of spectral radius below 1, or the flow explodes")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return decay a step, open orders, reversion a tick, base counts a step, branching ratios, quantile tables."""
        decay = math.exp2(-spec.step_seconds / self.half_life_seconds)
        ratios = np.concatenate([np.ravel(self.same), np.ravel(self.opposite)])
        reversion = self.conviction / spec.price_scale_ticks
        counts = self.share * spec.step_seconds / seats * self.base_rates(spec)
        return (decay, self.open_orders, reversion, *counts, *ratios, *flow_tables(spec))

    def base_rates(self, spec: MarketSpec) -> NDArray[np.float64]:
        """Return the base rates of limit orders, market orders and cancels of one side, a second.

        Raises ValueError where the branching ratios cause more orders than the market has.
        """
        if self.base is not None:
            return np.array(self.base)
        flow = spec.flow
        rates = 0.5 * np.array([flow.limit_rate, flow.market_rate, flow.cancel_rate])
        base: NDArray[np.float64] = rates - np.add(self.same, self.opposite) @ rates
        good = bool((base >= 0).all())
        require(good, "hawkes.same + opposite", base.tolist(), f"small enough for {spec.name}'s rates")
        return base
