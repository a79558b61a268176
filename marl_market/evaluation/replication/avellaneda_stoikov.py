"""Avellaneda and Stoikov (2008), tables 1 and 2, and the optima of their model.

The mid price is an exogenous Brownian motion (sigma 2 a session), and a quote at distance delta is taken in a step
with chance A exp(-k delta) dt (A 140, k 1.5, 200 steps). Takers are half a step slower than the maker, so that it
quotes first; then they take, then the price moves, as in the paper. A tick is a ten-thousandth of the unit.

The margins of the tables are two standard errors of the paper's own 1000 paths; its symmetric deviations are 4 % below
those of every replication. The best mean, 2 A / (k e), follows from the model; the certainty equivalents are those of
an independent simulation of the same 200 steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.agents.scripted.exponential_takers import ExponentialTakers
from marl_market.agents.scripted.fixed_spread import FixedSpread
from marl_market.agents.scripted.glft import GLFT
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Agent, Group
from marl_market.evaluation.replication.replication import (
    HALF_STEP_LATENCY,
    Replication,
    accounts_of,
    bare_market,
    deviation_replication,
    mean_replication,
    play_sessions,
    wealth_of,
)
from marl_market.market.fundamental import MeanReverting
from marl_market.market.latency import Latency
from marl_market.market.spec import MarketSpec

ARRIVAL, DECAY, DEVIATION, STEPS, UNIT = 140.0, 1.5, 2.0, 200, 10_000.0
A_STEP = DEVIATION / math.sqrt(STEPS)

PATHS = 1000
TABLES = (
    (0.1, True, 1.49, 65.0, 6.6, 2.9),
    (0.1, False, 1.49, 68.4, 12.7, 8.4),
    (0.01, True, 1.35, 68.6, 8.7, 5.1),
    (0.01, False, 1.35, 68.8, 12.8, 8.7),
)
"""Gamma, inventory strategy or symmetric, spread, profit, standard deviations of profit and inventory, of `PATHS`."""


def model_market() -> MarketSpec:
    """Return the market of the paper: a step is a second, a price scale the paper's unit."""
    flow = {"spread_ticks": UNIT, "volatility_ticks": A_STEP * UNIT, "market_rate": 2.0 * ARRIVAL / STEPS}
    path = MeanReverting(half_life_seconds=None, volatility=A_STEP, published=True)
    return bare_market(tick_size=1.0 / UNIT, session_steps=STEPS, fundamental=path, flow=flow)


def takers(latency: Latency | None = None) -> Group:
    """Return the takers, which hit a quote with the probability of the model."""
    return Group("takers", ExponentialTakers(arrival=ARRIVAL / STEPS, decay=DECAY), latency=latency)


def final_wealth(groups: Sequence[Group], sessions: int) -> NDArray[np.float64]:
    """Return the final wealth (sessions,) of the group "maker", of one seat."""
    return np.concatenate(
        [wealth_of(batch, "maker")[:, 0] for batch in play_sessions(model_market(), groups, sessions)]
    )


def outcome(maker: Agent, sessions: int) -> tuple[NDArray[Any], NDArray[Any], float]:
    """Return final wealth and inventory, (sessions,) each, and the mean quoted spread."""
    spreads: list[list[Any]] = [[] for _ in range(STEPS)]

    def record(batch: BatchMarket) -> None:
        public = batch.markets["public"]
        both = (public["depth"] > 0).all(1)  # as many are whole whatever the position: the spread depends on time only
        place = int(public["step"][0]) - 1
        spreads[place].append((public["best_ask"] - public["best_bid"])[both])

    wealth, inventory = [], []
    for batch in play_sessions(model_market(), [Group("maker", maker), takers(HALF_STEP_LATENCY)], sessions, record):
        wealth.append(wealth_of(batch, "maker")[:, 0])
        inventory.append(accounts_of(batch, "maker")["position"][:, 0])
    spread = np.mean([np.concatenate(parts).mean() for parts in spreads]) / UNIT
    return np.concatenate(wealth), np.concatenate(inventory), float(spread)


def certainty_equivalent(name: str, published: float, margin: float, gamma: float, wealth: NDArray[Any]) -> Replication:
    """Return the replication of -ln E exp(-gamma wealth) / gamma."""
    utility = np.exp(-gamma * (wealth - wealth.mean()))
    equivalent = float(wealth.mean() - np.log(utility.mean()) / gamma)
    error = float(utility.std() / utility.mean() / math.sqrt(wealth.size) / gamma)
    return Replication(name, published, margin, equivalent, error)


def measure(quick: bool) -> Iterator[Replication]:
    """Yield the tables, the best mean, and the certainty equivalents at gamma 0.1."""
    sessions = 500 if quick else 10_000
    name = "Avellaneda-Stoikov"
    for gamma, leans, width, profit, deviation, inventory_deviation in TABLES[: 1 if quick else None]:
        wealth, inventory, spread = outcome(AvellanedaStoikov(gamma, DECAY, leans=leans), sessions)
        row = f"{name} gamma {gamma} {'inventory' if leans else 'symmetric'}"
        yield Replication(f"{row}: spread", width, 0.005, spread, 0.0)
        yield mean_replication(f"{row}: profit", profit, 2.0 * deviation / math.sqrt(PATHS), wealth)
        for what, published, values in (("profit", deviation, wealth), ("q", inventory_deviation, inventory)):
            yield deviation_replication(
                f"{row}: std of {what}", published, 2.0 * published / math.sqrt(2 * PATHS), values
            )
        if gamma == 0.1 and leans:
            yield certainty_equivalent(f"{name} certainty equivalent, gamma 0.1", 62.76, 0.05, gamma, wealth)
    wealth = final_wealth([Group("maker", FixedSpread(spread=2.0 / DECAY)), takers(HALF_STEP_LATENCY)], sessions)
    yield mean_replication("Risk-neutral optimum 2 A / (k e)", 2.0 * ARRIVAL / (DECAY * math.e), 0.02, wealth)
    wealth = final_wealth([Group("maker", GLFT(0.1, DECAY, inventory_limit=20)), takers(HALF_STEP_LATENCY)], sessions)
    yield certainty_equivalent("Gueant-Lehalle-Fernandez-Tapia certainty equivalent", 65.22, 0.05, 0.1, wealth)
