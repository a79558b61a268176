"""The environment: steps of a market of eight external seats, in batches and as PettingZoo; clones of its state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numba
import numpy as np
from benchmarks.measurement import REPEATS, Figure, best_seconds
from gymnasium.spaces import Box
from numpy.typing import NDArray

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.schemes import ActionScheme, ObservationScheme
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.interface.spaces import continuous
from marl_market.env.observations.account import Account
from marl_market.env.observations.book import Book
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.tape import TradeTape
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External, Group
from marl_market.env.rewards.profit import Profit
from marl_market.exchange.commands import cancel_all, submit_limit
from marl_market.market.fees import Fees
from marl_market.market.latency import Delay, Latency
from marl_market.market.order_flow import QUANTILES, OrderFlow
from marl_market.market.spec import MarketSpec

SEATS = 8
RATE = "env.steps_per_second_per_core"
FILLING_STEPS = 200
ACTIONS = 64
AT_ONCE = Latency()
LATE = Latency(entry=Delay(floor_ns=2e8, exponential_ns=5e8), data=Delay(uniform_ns=2e9))
QUOTES = Quotes(nearest=-0.5)  # a quarter of the quotes lie beyond the mid price, so that there are trades


@trader
def decode(public, seat, params):  # type: ignore[no-untyped-def]
    """Send one limit order: (side, distance, quantity); or, for a quarter of the quantities, cancel all orders."""
    if seat.agent.action[2] < -0.5:
        cancel_all(seat)
    else:
        side = 1 if seat.agent.action[0] > 0.0 else -1
        price = public.reference_ticks - side * seat.agent.action[1] * params.value[0]
        submit_limit(seat, side, price, 1.0 + np.floor(10.0 * abs(seat.agent.action[2])))
    return DECIDED


@dataclass(frozen=True)
class OneMessage:
    """One message a step, so that the engine has as little to do as an environment can give it."""

    decoder = decode
    mask = None
    size = 3

    @property
    def space(self) -> Box:
        """Return the space of (side, distance, quantity)."""
        return continuous(self.size)

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the largest distance from the reference price, in ticks."""
        return (5.0 * spec.price_scale_ticks,)


def environment(action: ActionScheme, latency: Latency = AT_ONCE) -> EnvironmentSpec:
    """Return a market of eight external seats that observe book, tape, account and clock; sessions never end."""
    sizes = tuple(np.linspace(1.0, 16.0, QUANTILES))
    flow = OrderFlow(1.0, 1.0, 1.0, sizes, sizes, sizes, spread_ticks=4.0, volatility_ticks=2.0, depth_lots=20.0)
    fees = Fees(maker_rate=-20e-6, taker_rate=50e-6)
    endless: dict[str, float] = {"session_steps": 10**9, "warmup_steps": 0, "cash_unit": 1e-4}
    spec = MarketSpec("benchmark", 0.01, 1.0, 100.0, flow, fees, latency=latency, **endless)
    observation: dict[str, ObservationScheme] = {
        "book": Book(),
        "tape": TradeTape(),
        "account": Account(),
        "clock": Clock(),
    }
    return EnvironmentSpec(spec, [Group("seat", External(), SEATS)], observation, action, {"profit": Profit()})


def measure(quick: bool) -> Iterator[Figure]:
    """Measure steps a second; with `quick` over too few to mean anything."""
    market_steps = 256 if quick else 250_000
    rows: list[tuple[str, ActionScheme, int, int]] = [
        (f"{RATE}.markets_1", OneMessage(), 1, 1),
        (RATE, OneMessage(), 64, 1),
    ]
    if not quick:
        rows.append((f"{RATE}.markets_1024", OneMessage(), 1024, 1))
    rows.append((f"{RATE}.quotes", QUOTES, 64, 1))
    if numba.config.NUMBA_NUM_THREADS >= 2:
        rows.append(("env.steps_per_second.two_threads", OneMessage(), 64, 2))
        rows.append(("env.steps_per_second.two_threads.quotes", QUOTES, 64, 2))
    for name, action, markets, threads in rows:
        yield batch_figure(name, environment(action), markets, threads, market_steps)
    yield batch_figure(f"{RATE}.latency", environment(OneMessage(), LATE), 64, 1, market_steps)
    yield pettingzoo_figure(50 if quick else 20_000)
    yield from state_figures(50 if quick else FILLING_STEPS, 10 if quick else 500)


def actions(markets: int, size: int) -> NDArray[np.float32]:
    """Return steps full of random actions, (steps, markets, seats, size), to be played over and over."""
    return np.random.default_rng(1).uniform(-1.0, 1.0, (ACTIONS, markets, SEATS, size)).astype(np.float32)


def batch_figure(name: str, described: EnvironmentSpec, markets: int, threads: int, market_steps: int) -> Figure:
    """Time steps of a batch whose books have been filled."""
    batch, action = BatchMarket(described, markets, threads), described.action
    played = actions(markets, action.size)
    steps = max(1, market_steps // markets)

    def play(count: int) -> None:
        for t in range(count):
            batch.step(played[t % ACTIONS])

    batch.reset(range(markets))
    play(FILLING_STEPS)
    account = batch.markets["seat"]["account"]
    trades, rejects = int(account["trades"].sum()), int(account["rejected"].sum())
    seconds = best_seconds(lambda: play(steps), lambda: None)
    seat_steps = SEATS * steps * markets * (REPEATS + 1)
    conditions = {
        "markets": markets,
        "seats": SEATS,
        "threads": threads,
        "action": type(action).__name__,
        "observation": batch.environment.observation_size,
        "steps": steps,
        "agent_steps_per_second": round(SEATS * steps * markets / seconds),
        "fills_a_seat_step": round((int(account["trades"].sum()) - trades) / seat_steps, 3),
        "rejects_a_seat_step": round((int(account["rejected"].sum()) - rejects) / seat_steps, 3),
        "best_of": REPEATS,
    }
    return Figure(name, steps * markets / seconds, "steps/s", conditions)


def pettingzoo_figure(steps: int) -> Figure:
    """Time steps of one PettingZoo market, every agent quoting."""
    market = MarketEnv(environment(QUOTES))
    rows = actions(1, Quotes.size)[:, 0]
    played = [dict(zip(market.possible_agents, row, strict=True)) for row in rows]

    def play(count: int) -> None:
        for t in range(count):
            market.step(played[t % ACTIONS])

    market.reset(seed=1)
    play(FILLING_STEPS)
    seconds = best_seconds(lambda: play(steps), lambda: None)
    conditions = {
        "agents": SEATS,
        "action": "Quotes",
        "steps": steps,
        "agent_steps_per_second": round(SEATS * steps / seconds),
        "best_of": REPEATS,
    }
    return Figure("pettingzoo.steps_per_second", steps / seconds, "steps/s", conditions)


def call_often(function: Callable[[], object], repetitions: int) -> None:
    """Call a function so many times."""
    for _ in range(repetitions):
        function()


def state_figures(steps: int, repetitions: int) -> Iterator[Figure]:
    """Time clones of one running market of 16 seats, and its state taken and restored."""
    alone = environment(QUOTES)
    crowd = [*alone.groups, Group("noise", ZeroIntelligence(), SEATS)]
    batch = BatchMarket(replace(alone, groups=crowd), 1)
    batch.reset([1])
    for action in actions(1, Quotes.size)[np.arange(steps) % ACTIONS]:
        batch.step(action)
    state, market = batch.get_state(), MarketEnv(batch.environment)
    market.reset(seed=1)
    kept: list[BatchMarket] = []
    timed: list[tuple[str, Callable[[], object]]] = [
        ("clone", batch.clone),
        ("clone_pettingzoo", market.clone),
        ("clone_kept", lambda: kept.append(batch.clone())),
        ("get_state", batch.get_state),
        ("set_state", lambda: batch.set_state(state)),
    ]
    for name, function in timed:
        seconds = best_seconds(partial(call_often, function, repetitions), kept.clear)
        conditions = {"seats": batch.environment.seats, "state_bytes": state.content.size, "best_of": REPEATS}
        yield Figure(f"env.{name}_microseconds", 1e6 * seconds / repetitions, "us", conditions)
