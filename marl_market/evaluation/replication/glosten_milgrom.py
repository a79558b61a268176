"""Glosten and Milgrom (1985): the competitive spread is the fraction of informed orders.

The value is high or low with even chances; a fraction mu of the orders comes from informed traders. In units of the
range between both, the dealer without regret first quotes a spread of mu and neither gains nor loses, and the value
is higher by mu after a first buy than after a first sell.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from marl_market.agents.scripted.glosten_milgrom_maker import GlostenMilgromMaker
from marl_market.agents.scripted.informed_glosten_milgrom import InformedGlostenMilgrom
from marl_market.agents.scripted.noise import Noise
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Group
from marl_market.evaluation.replication.replication import (
    HALF_STEP_LATENCY,
    Replication,
    bare_market,
    mean_replication,
    play_sessions,
    wealth_of,
)
from marl_market.market.fundamental import TwoValues

HALF_RANGE = 5000.0
ORDERS_A_STEP = 0.1
TWO_TICKS = 1e-4


def measure(quick: bool) -> Iterator[Replication]:
    """Yield spread, information and profit for two fractions."""
    for share in (0.3,) if quick else (0.2, 0.5):
        yield from replications_of(share, 1000 if quick else 5000)


def replications_of(share: float, sessions: int) -> Iterator[Replication]:
    """Yield the replications for a fraction mu of informed orders."""
    groups = [
        Group("maker", GlostenMilgromMaker(informed_share=share, half_range=HALF_RANGE)),
        Group("informed", InformedGlostenMilgrom(rate=share * ORDERS_A_STEP), latency=HALF_STEP_LATENCY),
        Group("noise", Noise(rate=(1.0 - share) * ORDERS_A_STEP), latency=HALF_STEP_LATENCY),
    ]
    spec = bare_market(initial_price=100_000.0, session_steps=100, fundamental=TwoValues(HALF_RANGE))
    spreads: list[Any] = []
    information: list[Any] = []
    traded = np.zeros(0, np.int64)

    def record(batch: BatchMarket) -> None:
        nonlocal traded
        public = batch.markets["public"]
        if public["step"][0] == 1:
            traded = np.zeros(public.size, np.int64)
            untouched = public["session_lots"] == 0
            spreads.append((public["best_ask"] - public["best_bid"])[untouched] / (2.0 * HALF_RANGE))
        first = (traded == 0) & (public["session_lots"] == 1)  # of two in one step the first is unknown
        side = public["step_lots"][:, 0] - public["step_lots"][:, 1]
        value = np.sign(batch.markets["seat"]["agent"]["signal"][:, 1] - spec.initial_price_ticks)
        information.append((side * value)[first])
        traded = public["session_lots"].copy()

    profits = [
        wealth_of(batch, "maker", batch.markets["seat"]["agent"]["signal"][:, 1])[:, 0] / (2.0 * HALF_RANGE)
        for batch in play_sessions(spec, groups, sessions, record)
    ]
    row = f"Glosten-Milgrom mu {share}"
    yield mean_replication(f"{row}: first spread", share, TWO_TICKS, np.concatenate(spreads))
    yield mean_replication(f"{row}: value after a buy less after a sell", share, 0.0, np.concatenate(information))
    yield mean_replication(f"{row}: maker's profit", 0.0, 0.01, np.concatenate(profits))
