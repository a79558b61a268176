"""The one loop that plays a session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from marl_market.agents.interfaces import Decision, Floats, MarketShard, Masks
from marl_market.agents.sampling.group_actor import GroupActor
from marl_market.agents.sampling.session import SessionStep, play_session
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import External, Group
from tests.builders import environment, market_spec

MARKETS, STEPS, SEEDS = 3, 5, (1, 2, 3)


class Actor:
    """An actor whose hidden state counts its actions and whose action is the noise."""

    state_size = 1

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.shard: MarketShard | None = None

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        self.calls.append("start")
        self.shard = shard

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        self.calls.append("act")
        return Decision(
            np.zeros((len(observation), 4), np.float32) if noise is None else noise, state + 1, {"n": state}
        )


class Recorder:
    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    def open(self) -> None:
        self.calls.append("open")

    def record(self) -> None:
        self.calls.append("record")


@pytest.fixture(scope="module")
def batch(learning: Callable[..., EnvironmentSpec]) -> BatchMarket:
    noise = [group for group in learning().groups if group.name == "noise"]
    groups = [*noise, Group("first", External(), 2), Group("second", External(), 1)]
    return BatchMarket(replace(environment(groups), spec=market_spec(session_steps=STEPS)), MARKETS)


def test_start_reset_act_step_record_in_order(batch: BatchMarket) -> None:
    calls: list[str] = []
    shard = MarketShard(3, 6, 9)
    actors = [GroupActor(batch, "first", Actor(calls), shard), GroupActor(batch, "second", Actor(calls))]
    steps: list[SessionStep] = []

    def on_step(step: SessionStep) -> None:
        calls.append("step")
        steps.append(step._replace(action=step.action.copy()))

    play_session(batch, actors, SEEDS, recorders=[Recorder(calls), Recorder(calls)], on_step=on_step)
    assert calls == ["start", "start", "open", "open", *["act", "act", "record", "record", "step"] * STEPS]
    assert [step.result.truncated for step in steps] == [False] * (STEPS - 1) + [True]
    assert actors[0]._actor.shard == shard  # type: ignore[attr-defined]
    assert str(shard) == "markets 3 to 5"
    for number, step in enumerate(steps):
        assert step.active.all()
        np.testing.assert_array_equal(step.extra["first"]["n"], np.full((2 * MARKETS, 1), number))
        assert step.extra["second"]["n"].shape == (MARKETS, 1)


def test_noise_reaches_the_rows_of_its_group(batch: BatchMarket) -> None:
    random = np.random.default_rng(1)
    drawn = [random.standard_normal((MARKETS, 3, 4), np.float32).clip(-1, 1) for _ in range(STEPS)]
    noise = iter(drawn)
    actions: list[Floats] = []
    actors = [GroupActor(batch, name, Actor([])) for name in ("first", "second")]
    play_session(
        batch, actors, SEEDS, noise=lambda: next(noise), on_step=lambda step: actions.append(step.action.copy())
    )
    np.testing.assert_array_equal(actions, drawn)


def test_a_second_session_begins_anew(batch: BatchMarket) -> None:
    rewards: list[list[Floats]] = [[], []]
    actors = [GroupActor(batch, name, Actor([])) for name in ("first", "second")]
    for kept in rewards:
        play_session(batch, actors, SEEDS, on_step=lambda step, kept=kept: kept.append(step.result.reward.copy()))
    np.testing.assert_array_equal(*rewards)
