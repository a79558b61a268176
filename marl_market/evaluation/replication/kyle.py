"""Kyle (1985), and Holden and Subrahmanyam (1992) for n insiders: depth, aggressiveness and profit in equilibrium.

All numbers are for Sigma_0 = 4 and sigma_u = 1. The batch auction is the venue's call auction, to which dealers send a
ladder of slope lambda, so that all trade at a price of lambda times the net demand of insiders and noise traders. The
lambda found is the regression of the value on these orders, the slope at which dealers neither gain nor lose; beta is
the demand that was most profitable for one insider against the ladder and the other insiders.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.scripted.informed_kyle import InformedKyle
from marl_market.agents.scripted.ladder import LEVELS, Ladder
from marl_market.agents.scripted.noise import Noise
from marl_market.env.population.group import Group
from marl_market.evaluation.replication.replication import (
    Replication,
    accounts_of,
    bare_market,
    mean_replication,
    play_sessions,
    wealth_of,
)
from marl_market.market.fundamental import MeanReverting
from marl_market.market.latency import Delay, Latency
from marl_market.market.rules import Rules

NOISE_SEATS, NOISE_ORDERS, NOISE_LOTS = 4, 6.0, 7.0
NOISE = NOISE_LOTS * math.sqrt(NOISE_SEATS * NOISE_ORDERS)
IMPACT = 4.0
"""Lambda in ticks a lot, which fixes the deviation of the value."""
LEVEL_LOTS, LADDERS = 16.0, 4
DEMANDS = (0.5, 1.0, 1.5)
BLOCKS = 20

A_STEP_LATER = Latency(entry=Delay(floor_ns=1.5e9))
"""Noise traders decide in the step of warm-up, and all orders arrive in the one step of the session."""


def outcome(insiders: int, demand: float, sessions: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return value, net orders and profit of the first insider, whose demand is `demand` times the equilibrium's."""
    deviation = (insiders + 1) * NOISE * IMPACT / math.sqrt(insiders)
    spacing = IMPACT * LEVEL_LOTS
    ladders = [
        Group(f"dealer_{i}", Ladder(spacing * (1 + 2 * i * LEVELS), spacing, LEVELS, LEVEL_LOTS))
        for i in range(LADDERS)
    ]
    first = Group("first", InformedKyle(demand * NOISE, deviation, insiders, auction=True))
    others = [Group(f"insider_{i}", InformedKyle(NOISE, deviation, insiders, auction=True)) for i in range(1, insiders)]
    noise = Group("noise", Noise(NOISE_ORDERS, NOISE_LOTS, auction=True), NOISE_SEATS, latency=A_STEP_LATER)
    spec = bare_market(
        initial_price=100_000.0,
        cash_unit=0.001,  # coarse, since traders bid the highest price, and the value of an order has a limit
        session_steps=1,
        warmup_steps=1,
        rules=Rules(opening_auction_steps=1),
        fundamental=MeanReverting(half_life_seconds=None, volatility=deviation),
    )
    value, orders, profit = [], [], []
    for batch in play_sessions(spec, [first, *others, noise, *ladders], sessions, seed=insiders * sessions):
        signal = batch.markets["seat"]["agent"]["signal"][:, 0]
        value.append((signal - spec.initial_price_ticks) * 2.0 / deviation)
        orders.append(-sum(accounts_of(batch, group.name)["position"][:, 0] for group in ladders) / NOISE)
        profit.append(wealth_of(batch, "first", signal)[:, 0] * 2.0 / deviation / NOISE)
    return np.concatenate(value), np.concatenate(orders), np.concatenate(profit)


def best_demand(profits: NDArray[Any]) -> float:
    """Return where the parabola through the mean profits (3, sessions) at DEMANDS has its top."""
    low, middle, high = profits.mean(1)
    return float(DEMANDS[1] + 0.5 * (DEMANDS[2] - DEMANDS[1]) * (high - low) / (2.0 * middle - low - high))


def measure(quick: bool) -> Iterator[Replication]:
    """Yield lambda, beta and the profit of one insider for n = 1, 2, 5."""
    sessions = 2000 if quick else 20_000
    for insiders in (1,) if quick else (1, 2, 5):
        played = [outcome(insiders, demand, sessions) for demand in DEMANDS]
        value, orders, profit = played[1]
        row, root = f"Kyle n = {insiders}", math.sqrt(insiders)
        slope = float(value @ orders / (orders @ orders))
        error = float(np.sqrt(np.mean((value - slope * orders) ** 2 * orders**2) / orders.size) / np.mean(orders**2))
        yield Replication(f"{row}: lambda", 2.0 * root / (insiders + 1), 0.0, slope, error)
        profits = np.array([part[2] for part in played])
        kept = np.arange(profits.shape[1]) % BLOCKS
        left_out = [best_demand(profits[:, kept != block]) for block in range(BLOCKS)]
        error = float(np.std(left_out) * math.sqrt(BLOCKS - 1))
        beta = 0.5 / root
        yield Replication(f"{row}: beta", beta, 0.0, beta * best_demand(profits), beta * error)
        yield mean_replication(f"{row}: profit", 2.0 / ((insiders + 1) * root), 0.005, profit)
