"""Small recordings to replay, and traders who get in their way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.agents.scripted.replay import Replay
from marl_market.calibration.readers.message_log import MessageLog
from marl_market.calibration.readers.steps import Step
from marl_market.calibration.replay_builder import build_replay
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.env.trading import DECIDED, MarketSpec, Traits, submit_limit, submit_market, trader
from marl_market.market.replay_tape import ReplayTape
from tests.builders import environment, market_spec

SECOND = 1_000_000_000
SECONDS = 6


def seconds(time: float) -> int:
    return round(time * SECOND)


def small_log() -> MessageLog:
    """Five orders around 1000 ticks: a bid is filled in part, an ask canceled, and a buyer takes two asks."""
    log = MessageLog()
    log.rest(-1, 1, 1, 999, 10)
    log.rest(-1, 2, -1, 1001, 10)
    log.rest(-1, 3, -1, 1002, 10)
    log.rest(seconds(0.5), 4, 1, 999, 5)
    log.fill(seconds(1.5), 1, 4)
    log.cancel(seconds(2.5), 4, 2)
    log.cancel(seconds(3.5), 2)
    log.rest(seconds(4.2), 5, -1, 1001, 7)
    log.fill(seconds(4.5), 5, 7)
    log.fill(seconds(4.5), 3, 1)
    return log


def tape_of(log: MessageLog, end: float = SECONDS) -> ReplayTape:
    return build_replay(log, Step(1, 0.01), Step(1, 1.0), np.array([[0, seconds(end)]]))


@dataclass(frozen=True)
class Recorded:
    """A recording that is in memory."""

    tape: ReplayTape

    def replay_tape(self, tick_size: float, lot_size: float) -> ReplayTape:
        return self.tape


@trader
def send_once(public, seat, params):  # type: ignore[no-untyped-def]
    if public.step == int(params.value[0]):
        if params.value[2] > 0.0:
            submit_limit(seat, int(params.value[1]), params.value[2], params.value[3])
        else:
            submit_market(seat, int(params.value[1]), params.value[3])
    return DECIDED


@dataclass(frozen=True)
class Once:
    """Send one order in one step, at market where the price is 0."""

    step: int
    side: int
    price: float
    lots: int

    trader = send_once
    traits = Traits()

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        return (self.step, self.side, self.price, self.lots)


def replaying(
    tape: ReplayTape, *others: Group, start: float | None = 0.0, seats: int = 3, **spec: object
) -> EnvironmentSpec:
    """Return a market that replays a tape from its beginning, with the groups of `others`."""
    fields = {"session_steps": SECONDS, "warmup_steps": 0, **spec}
    return environment([Group("recorded", Replay(Recorded(tape), start), seats), *others], spec=market_spec(**fields))


def no_actions(batch: BatchMarket) -> np.ndarray:  # type: ignore[type-arg]
    return np.zeros((batch.markets.size, batch.external.size, batch.environment.action_size), np.float32)


def levels_of(batch: BatchMarket, market: int = 0) -> tuple[list[tuple[int, int]], ...]:
    """Return (price, quantity) of the published bids and asks, best first."""
    public = batch.markets[market]["public"]
    return tuple(
        [(int(level["price_ticks"]), int(level["quantity_lots"])) for level in levels[:depth]]
        for levels, depth in zip(public["level"], public["depth"], strict=True)
    )
