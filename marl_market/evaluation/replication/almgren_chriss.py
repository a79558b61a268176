"""Almgren and Chriss (2001), Bertsimas and Lo (1998): without a signal and under linear temporary impact, TWAP is best.

The price is known and constant; a ladder that is full again in each step makes the price concession of an order
proportional to its size. The cost of a schedule of urgency K = kappa T is equation 20 of Almgren and Chriss.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from marl_market.agents.scripted.almgren_chriss import AlmgrenChriss
from marl_market.agents.scripted.ladder import LEVELS, Ladder
from marl_market.agents.scripted.twap import TWAP
from marl_market.env.population.group import Agent, Group
from marl_market.evaluation.replication.replication import (
    HALF_STEP_LATENCY,
    Replication,
    bare_market,
    play_sessions,
    wealth_of,
)
from marl_market.market.fundamental import MeanReverting

STEPS, LOTS = 20, 2000.0
LEVEL_LOTS, LADDERS = 10.0, 4
URGENCIES = (0.5, 1.0, 2.0)


def cost(agent: Agent) -> float:
    """Return the impact cost of the parent order's execution, in ticks times lots."""
    ladders = [
        Group(f"ladder_{i}", Ladder(LEVEL_LOTS * (1 + 2 * i * LEVELS), LEVEL_LOTS, LEVELS, LEVEL_LOTS))
        for i in range(LADDERS)
    ]
    constant = MeanReverting(half_life_seconds=None, volatility=0.0, published=True)
    spec = bare_market(initial_price=10_000.0, session_steps=STEPS, fundamental=constant)
    (batch,) = play_sessions(spec, [Group("execution", agent, latency=HALF_STEP_LATENCY), *ladders], 1)
    return -float(wealth_of(batch, "execution")[0, 0])


def published_cost(urgency: float) -> float:
    """Return equation 20 over X^2 for eta = tau / 2, T = 1, no permanent impact, no fixed costs; urgency 0 is TWAP."""
    step = 1.0 / STEPS
    if urgency == 0.0:
        return 0.5 * step
    shape = step * math.sinh(2.0 * urgency) + 2.0 * math.sinh(urgency * step)
    shape *= math.tanh(0.5 * urgency * step) / (2.0 * step**2 * math.sinh(urgency) ** 2)
    return 0.5 * step * shape


def measure(quick: bool) -> Iterator[Replication]:
    """Yield the costs of TWAP and of more and more urgent schedules; nothing is random, `quick` changes nothing."""
    costs = {0.0: cost(TWAP(size=LOTS))}
    for urgency in URGENCIES:
        aversion = 2.0 * (math.cosh(urgency / STEPS) - 1.0) * STEPS**2 / STEPS  # eta 1, sigma^2 of a session STEPS
        costs[urgency] = cost(AlmgrenChriss(size=LOTS, risk_aversion=aversion, temporary_impact=1.0))
    for urgency, paid in costs.items():
        name = "TWAP" if urgency == 0.0 else f"Almgren-Chriss kappa T = {urgency}"
        yield Replication(f"{name}: impact cost / X^2", published_cost(urgency), 1e-4, paid / LOTS**2, 0.0)
    best = list(costs)[int(np.argmin(list(costs.values())))]
    yield Replication("Urgency of the cheapest schedule", 0.0, 0.0, best, 0.0)
