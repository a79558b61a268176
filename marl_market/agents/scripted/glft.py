"""The exact optimal quotes of Gueant, Lehalle and Fernandez-Tapia."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.scripted.quoting import quote_both_sides
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.exchange.compiled import compiled
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

HIGHEST_LIMIT = 30
RATES = 4
RESOLUTION = 1e-10
"""Smallest v(Q) / v(0) that a sum of modes in double precision still resolves."""


@compiled
def value(table, limit, inventory, left):  # type: ignore[no-untyped-def]
    """Return v(inventory) with `left` of the session to go: a sum of even modes, each decaying at its own rate."""
    total = 0.0
    modes = limit + 1
    first = RATES + modes + abs(inventory) * modes
    for mode in range(modes):
        total += table[first + mode] * math.exp(-table[RATES + mode] * left)
    return total


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote at the optimal distances for the inventory and the time left."""
    table = params.value
    limit, size, scale, constant = int(table[0]), table[1], table[2], table[3]
    left = max(0.0, 1.0 - max(public.step, 0) / public.session_steps)
    inventory = int(np.floor(seat.account.position / size + 0.5))
    inventory = min(max(inventory, -limit), limit)
    here = math.log(value(table, limit, inventory, left))
    bid, ask = public.reference_ticks, public.reference_ticks
    bid_lots = ask_lots = 0
    if inventory < limit:
        bid -= scale * (here - math.log(value(table, limit, inventory + 1, left))) + constant
        bid_lots = int(size)
    if inventory > -limit:
        ask += scale * (here - math.log(value(table, limit, inventory - 1, left))) + constant
        ask_lots = int(size)
    quote_both_sides(public, seat, bid, ask, bid_lots, ask_lots, 1, 0.0)
    return DECIDED


@dataclass(frozen=True)
class GLFT:
    """Exact optimal quotes of a risk-averse maker (Gueant, Lehalle and Fernandez-Tapia 2013, theorem 1).

    Sees: the mid price, the touch, its own position, the time left in the session.
    Does: replaces one bid and one ask each step, at distances (1/k) ln(v(q) / v(q+1)) + (1/gamma) ln(1 + gamma/k) and
        (1/k) ln(v(q) / v(q-1)) + (1/gamma) ln(1 + gamma/k) from the mid price, where v' = (k gamma sigma^2 / 2) q^2 v
        - eta (v(q-1) + v(q+1)), v = 1 at the end, eta = A (1 + gamma/k)^-(1 + k/gamma); quotes no side that would
        take it beyond its inventory limit; never crosses the touch.

    Prices are in price scales of the market, quantities in quote sizes, and time in sessions.

    Attributes:
        risk_aversion: gamma, per price scale and quote size.
        decay: k, how fast the chance of a fill falls with distance, per price scale.
        arrival: A, orders that would fill a quote at the mid price, as a multiple of half the calibrated market
            orders of a session.
        inventory_limit: Q, most quote sizes it holds.
        size: quantity of each quote, in size scales of the market.
    """

    trader = quote
    observes = False
    warms_up = True
    params_per_market = False
    risk_aversion: float = 0.02
    decay: float = 2.0
    arrival: float = 1.0
    inventory_limit: int = 10
    size: float = 1.0

    def __post_init__(self) -> None:
        for name in ("risk_aversion", "decay", "arrival", "size"):
            require(getattr(self, name) > 0, f"glft.{name}", getattr(self, name), "above zero")
        limit = self.inventory_limit
        require(1 <= limit <= HIGHEST_LIMIT, "glft.inventory_limit", limit, f"1 to {HIGHEST_LIMIT}")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return limit, size in lots, ticks of 1 / k and of the constant, and rates and weights of the even modes."""
        gamma, decay, limit = self.risk_aversion, self.decay, self.inventory_limit
        seconds = spec.session_steps * spec.step_seconds
        variance = (spec.flow.volatility_ticks / spec.price_scale_ticks) ** 2 * seconds
        arrival = self.arrival * 0.5 * spec.flow.market_rate * seconds
        rates, weights = even_modes(gamma, decay, variance, arrival, limit)
        edge = float(weights[limit] @ np.exp(-rates) / (weights[0] @ np.exp(-rates)))
        require(edge > RESOLUTION, "glft.inventory_limit", limit, f"lower: in {spec.name} it is never reached")
        ticks = spec.price_scale_ticks
        constant = math.log1p(gamma / decay) / gamma * ticks
        return (limit, spec.lots(self.size), ticks / decay, constant, *rates, *weights.ravel())


def even_modes(
    gamma: float, decay: float, variance: float, arrival: float, limit: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rates (modes,) and weights (limit + 1, modes) with v(q) = sum of weight[|q|] exp(-rate left).

    The system is symmetric in q and so is its end, v = 1: folded at q = 0 it has half the states, and no odd modes.
    """
    inventory = np.arange(limit + 1.0)
    liquidity = arrival * (1.0 + gamma / decay) ** -(1.0 + decay / gamma)
    coupling = np.full(limit, -liquidity)
    coupling[0] *= math.sqrt(2.0)
    matrix = np.diag(0.5 * decay * gamma * variance * inventory**2) + np.diag(coupling, 1) + np.diag(coupling, -1)
    rates, modes = np.linalg.eigh(matrix)
    fold = np.where(inventory == 0.0, 1.0, math.sqrt(2.0))
    lowest = rates[0]  # v matters only in ratios: the slowest mode need not grow
    return rates - lowest, modes * (fold @ modes) / fold[:, None]
