"""The memory that the seats of a group share, updated once a step before they decide."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import External, Group
from marl_market.env.population.participation import Fixed, Participation
from marl_market.env.recording.demonstration import Demonstration
from marl_market.env.trading import DECIDED, GROUP_MEMORY, Traits, group_memory, sleep, submit_market, trader, uniform
from marl_market.exchange.bounds import BoundsError
from tests.builders import Rule, actions, environment, market_spec

STEPS = 6


@trader
def update(public, seat, params):  # type: ignore[no-untyped-def]
    memory = group_memory(seat)
    memory[0] += 1.0
    memory[1] = uniform(seat)
    memory[2] = 0.0
    memory[GROUP_MEMORY - 1] = params.value[0]
    submit_market(seat, 1, 1000)
    return DECIDED


@trader
def share(public, seat, params):  # type: ignore[no-untyped-def]
    memory = group_memory(seat)
    for i in range(3):
        seat.agent.memory[i] = memory[i]
    seat.agent.memory[3] = memory[GROUP_MEMORY - 1]
    seat.agent.memory[4] = uniform(seat)
    memory[2] += 1.0
    sleep(public, seat, int(params.value[1]))
    return DECIDED


@dataclass(frozen=True)
class Sharing:
    group_update = update
    trader = share
    traits = Traits(warms_up=True)
    number: float = 0.0
    sleep: float = 1.0

    def parameters(self, spec: Any, seats: int) -> Sequence[float]:
        return (self.number, self.sleep)


def described(**changes: Any) -> EnvironmentSpec:
    groups = [
        Group("out", External()),
        Group("first", Sharing(5.0), 3),
        Group("second", Sharing(7.0), 2, Participation(Fixed([4, 0]))),
    ]
    return environment(groups, spec=market_spec(session_steps=STEPS, warmup_steps=2), **changes)


def play(batch: BatchMarket, steps: int) -> Any:
    for action in actions(batch, steps):
        batch.step(action)
    return batch.markets["seat"]["agent"]["memory"][:, :, :5].copy()


@pytest.mark.parametrize("debug", [False, True])
def test_all_seats_of_a_group_see_one_memory_and_no_other_group_does(debug: bool) -> None:
    batch = BatchMarket(described(debug=debug), 2)
    batch.reset([1, 2])
    seen = play(batch, 3)
    assert (seen[:, 1:4, 0] == 2 + 3).all(), "once a step, with those of the warm-up"
    assert (seen[:, 1:4, 1] == seen[:, 1:2, 1]).all()
    assert (seen[:, 1:4, 2] == np.arange(3)).all(), "a seat writes for those after it"
    assert (seen[:, 1:4, 3] == 5.0).all()
    assert (seen[:, 5, 0] == 5).all(), "also while the first seat is absent"
    assert (seen[:, 5, 3] == 7.0).all()
    assert (seen[:, 4] == 0.0).all()
    assert len(np.unique(seen[:, [1, 5], 1])) == 4, "a stream of each group in each market"
    assert (seen[:, 1, 1] != seen[:, 1, 4]).all(), "the first seat's trader draws later numbers of the stream"
    assert (batch.markets["seat"]["account"]["ordered_lots"] == 0)[:, 1:].all(), "an update sends no orders"


def test_it_is_updated_while_its_seats_sleep() -> None:
    groups = [Group("out", External()), Group("first", Sharing(sleep=STEPS), 2)]
    batch = BatchMarket(environment(groups, spec=market_spec(session_steps=STEPS, warmup_steps=0)), 1)
    batch.reset([1])
    play(batch, STEPS)
    memory = batch.markets["seat"]["agent"]["group_memory"][0, 1]
    assert memory[0] == STEPS
    assert memory[2] == 0.0


def test_a_session_begins_with_zeros() -> None:
    batch = BatchMarket(described(), 1)
    batch.reset([1])
    first = play(batch, STEPS)
    batch.reset([1])
    assert np.array_equal(first, play(batch, STEPS))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda batch: pickle.loads(pickle.dumps(batch))])
def test_a_copy_continues_on_a_memory_of_its_own(copied: Any) -> None:
    batch = BatchMarket(described(), 2)
    batch.reset([1, 2])
    play(batch, 2)
    other, state = copied(batch), batch.get_state()
    expected = play(batch, 3)
    assert np.array_equal(play(other, 3), expected)
    other.set_state(state)
    assert np.array_equal(play(other, 3), expected)


def test_an_agent_without_an_update_has_no_memory() -> None:
    batch = BatchMarket(environment([Group("out", External()), Group("own", Rule(share))]), 1)
    batch.reset([1])
    with pytest.raises(BoundsError, match="memory"):
        play(batch, 1)


def test_an_update_of_another_kind_is_named() -> None:
    with pytest.raises(ValueError, match=r"population.first.agent.group_update"):
        Group("first", type("Wrong", (Sharing,), {"group_update": 3})())


def test_an_expert_shares_no_memory() -> None:
    batch = BatchMarket(described(), 1)
    with pytest.raises(ValueError, match="shares the memory of a group"):
        Demonstration(batch, "out", Sharing())
