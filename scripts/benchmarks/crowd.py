"""A crowd of a thousand scripted traders in one market for an hour of one-second steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from benchmarks.measurement import Figure, best_seconds

from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.agents.scripted.chartist_fundamentalist import ChartistFundamentalist
from marl_market.agents.scripted.imbalance import Imbalance
from marl_market.agents.scripted.momentum import Momentum
from marl_market.agents.scripted.value import Value
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.clock import Clock
from marl_market.env.population.group import Group
from marl_market.env.rewards.profit import Profit
from marl_market.market.order_flow import QUANTILES, OrderFlow
from marl_market.market.spec import MarketSpec

STEPS = 3600
RUNS = 3
ABIDES_SECONDS, ABIDES_MESSAGES = 1.35, 7_667
"""Median wall time of ABIDES rmsc04 (1,117 agents, an hour), and orders and cancels of its seed 1; another machine."""


def environment(steps: int) -> EnvironmentSpec:
    """Return a thousand traders, seven hundred of them a flow of a thousand orders a second."""
    sizes = tuple(np.linspace(1.0, 16.0, QUANTILES))
    offsets = tuple(np.linspace(1.0, 40.0, QUANTILES))
    flow = OrderFlow(
        700.0, 200.0, 500.0, sizes, sizes, offsets, spread_ticks=4.0, volatility_ticks=2.0, depth_lots=50.0
    )
    spec = MarketSpec(
        "crowd", 0.01, 1.0, 100.0, flow, session_steps=steps, warmup_steps=min(steps, 60), capacity="huge"
    )
    groups = [
        Group("flow", ZeroIntelligence(), 700),
        Group("makers", AvellanedaStoikov(), 50),
        Group("value", Value(), 50),
        Group("momentum", Momentum(), 75),
        Group("forecasters", ChartistFundamentalist(), 50),
        Group("imbalance", Imbalance(), 75),
    ]
    return EnvironmentSpec(spec, groups, {"clock": Clock()}, Quotes(), {"profit": Profit()})


def measure(quick: bool) -> Iterator[Figure]:
    """Measure one session; with `quick` one too short to mean anything."""
    steps = 20 if quick else STEPS
    described = environment(steps)
    batch = BatchMarket(described, markets=1)
    action = np.zeros((1, 0, described.action_size), np.float32)

    def play() -> None:
        for _ in range(steps):
            batch.step(action)

    seconds = best_seconds(play, lambda: batch.reset([1]), repeats=1 if quick else RUNS)
    if np.any(batch.conservation_errors()):
        raise RuntimeError("the crowd made or lost positions or money")
    market = batch.markets[0]
    orders = int(market["seat"]["order_sequence"].sum())
    account = market["seat"]["account"][: described.seats]
    conditions = {
        "seats": described.seats,
        "market_seconds": round(steps * described.spec.step_seconds),
        "orders": orders,
        "trades": int(market["trade_sequence"]),
        "rejects": int(account["rejected"].sum()),
        "threads": 1,
        "best_of": RUNS,
    }
    yield Figure("crowd.orders_per_second", orders / seconds, "orders/s", conditions)
    yield Figure("crowd.wall_seconds", seconds, "s", conditions)
    comparison = {
        "abides_seconds": ABIDES_SECONDS,
        "abides_messages": ABIDES_MESSAGES,
        "scenario": "rmsc04, elsewhere",
    }
    same_orders = (ABIDES_SECONDS / ABIDES_MESSAGES) / (seconds / orders)
    yield Figure("crowd.speedup_over_abides.for_as_many_orders", same_orders, "times", comparison)
    same_time = (ABIDES_SECONDS / STEPS) / (seconds / steps)
    yield Figure("crowd.speedup_over_abides.for_as_much_market_time", same_time, "times", comparison)
