"""The state of recent volatility, by which reactive traders choose among their tables."""

from __future__ import annotations

import math

import numpy as np

from marl_market.env.trading import compiled
from marl_market.market.reactive_flow import REGIMES, ReactiveFlow

HALF_LIFE_SECONDS = 30.0
SECOND_NS = 1_000_000_000
KEPT = 0.5 ** (1.0 / HALF_LIFE_SECONDS)
REGIME_PARAMETERS = REGIMES - 1
PRICE, SINCE_NS, MEAN_MOVE, REGIME, BEGUN = range(5)
REGIME_MEMORY = 5


@compiled
def state_of(value, table, start, edges):  # type: ignore[no-untyped-def]
    """Return how many of the `edges` edges from `table[start]` on a value has reached."""
    count = 0
    for i in range(edges):
        count += value >= table[start + i]
    return count


@compiled
def update_regime(public, memory, first, table, start):  # type: ignore[no-untyped-def]
    """Once a second, add the move of the reference price to its mean, and write the state it is in."""
    if memory[first + BEGUN] == 0.0:
        memory[first + BEGUN] = 1.0
        memory[first + PRICE] = public.reference_ticks
        memory[first + SINCE_NS] = public.time_ns
        memory[first + MEAN_MOVE] = 0.5 * (table[start] + table[start + REGIMES - 2])
    elapsed = public.time_ns - np.int64(memory[first + SINCE_NS])
    if elapsed >= SECOND_NS:
        seconds = elapsed / SECOND_NS
        move = abs(public.reference_ticks - memory[first + PRICE]) / math.sqrt(seconds)
        kept = math.pow(KEPT, seconds)
        memory[first + MEAN_MOVE] = kept * memory[first + MEAN_MOVE] + (1.0 - kept) * move
        memory[first + PRICE] = public.reference_ticks
        memory[first + SINCE_NS] = public.time_ns
    memory[first + REGIME] = state_of(memory[first + MEAN_MOVE], table, start, REGIMES - 1)


def regime_parameters(flow: ReactiveFlow) -> tuple[float, ...]:
    """Return the edges of the states."""
    return tuple(flow.regime_edges)
