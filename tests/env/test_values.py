"""Names, units and bounds of what agents observe and do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Box

from marl_market.env.actions.quotes import Quotes
from marl_market.env.interface.values import values_of
from marl_market.env.observations.account import Account
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.privileged_positions import PrivilegedPositions
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.timing.chosen_delay import ChosenDelay
from marl_market.env.vector_env import FocalEnv
from tests.builders import environment
from tests.contracts.test_conf import STEPS, choices, load, observation_chunks, part
from tests.env.test_instruments import pair


@pytest.mark.parametrize("name", choices("observation"))
def test_every_part_of_an_observation_names_each_of_its_values(name: str) -> None:
    scheme = part("observation", name)
    values = scheme.values
    assert len(values) == scheme.size == len({value.name for value in values})
    assert all(value.unit and value.low < value.high for value in values)


@pytest.mark.parametrize("others", [1, 15, 40])
def test_a_part_of_any_size_names_as_many(others: int) -> None:
    assert len(PrivilegedPositions(others).values) == others


@pytest.mark.parametrize("name", choices("action"))
@pytest.mark.parametrize("timing", [None, ChosenDelay()])
def test_every_action_names_each_of_its_values(name: str, timing: Any) -> None:
    described = environment(action=load("action", name), **({"timing": timing} if timing else {}))
    values, space = described.action_values("outside"), described.action_of("outside").space
    assert len(load("action", name).values) == load("action", name).size
    assert len(values) == described.action_size == len(set(described.action_names("outside")))
    assert (values[-1].name == "timing") == (timing is not None)
    if isinstance(space, Box):
        assert all((value.low, value.high) == (-1, 1) for value in values)
    assert all(value.unit for value in values)
    with pytest.raises(KeyError, match="no group 'nobody'"):
        described.action_values("nobody")


def test_names_and_slices_are_in_the_order_of_the_numbers() -> None:
    described = environment()
    names, slices = described.observation_names, described.observation_slices()
    assert names[:2] == ("account.position", "account.equity")
    assert names[-1] == "clock.remaining"
    assert slices == {"account": slice(0, 9), "book": slice(9, 49), "tape": slice(49, 54), "clock": slice(54, 55)}
    assert [name.split(".")[0] for name in names] == [key for key, where in slices.items() for _ in names[where]]
    env = MarketEnv(described)
    observations, _ = env.reset(seed=1)
    own = dict(zip(names, observations["outside_0"], strict=True))
    public = env.batch.markets["public"][0]
    assert own["clock.remaining"] == 1.0
    ticks = public["level"][1, 0]["price_ticks"] - public["reference_ticks"]
    assert own["book.ask_0_distance"] == pytest.approx(ticks * public["per_price_scale"])
    assert own["tape.spread"] == pytest.approx((public["best_ask"] - public["best_bid"]) * public["per_price_scale"])
    assert described.action_names("outside") == ("bid_distance", "ask_distance", "bid_size", "ask_size")


def test_several_instruments_follow_each_other() -> None:
    described = environment(spec=pair())
    names, size = described.observation_names, described.observation_size // 2
    first, second = described.observation_slices(0), described.observation_slices(1)
    assert len(names) == 2 * size == len(set(names))
    assert first["clock"] == slice(54, 55)
    assert second["clock"] == slice(size + 54, size + 55)
    prefixes = {name.split(".")[0] for name in names[:size]}, {name.split(".")[0] for name in names[size:]}
    assert prefixes == ({described.spec.name}, set(described.spec.further_instruments))
    assert len(described.action_names("outside")) == 8 == len(set(described.action_names("outside")))


def test_spaces_have_the_bounds_of_the_values() -> None:
    described = environment()
    env, focal = MarketEnv(described), FocalEnv(described, 1)
    space = env.observation_space("outside_0")
    assert space == focal.single_observation_space == described.observation_space
    bounds = dict(zip(described.observation_names, zip(space.low, space.high, strict=True), strict=True))
    assert bounds["clock.remaining"] == (0, 1)
    assert bounds["account.position"] == (-np.inf, np.inf)
    assert bounds["tape.imbalance"] == (-1, 1)


@pytest.mark.parametrize("market", choices("market"))
def test_every_observation_is_within_its_bounds(market: str) -> None:
    spec = load("market", market)
    changes: dict[str, Any] = {"session_steps": STEPS, "capacity": "small", "warmup_steps": 10}
    changes["latency"] = load("latency", "retail")
    further = {name: replace(each, **changes) for name, each in spec.further_instruments.items()}
    spec = replace(spec, **changes, further_instruments=further)
    for parts in observation_chunks(len(spec.instruments)):
        env = FocalEnv(environment(spec=spec, observation=parts), 4)
        observation, _ = env.reset(seed=1)
        low, high = env.single_observation_space.low, env.single_observation_space.high
        names = env.batch.environment.observation_names
        for _ in range(2 * STEPS):
            outside = ((observation < low) | (observation > high)).any(0)
            assert not outside.any(), np.array(names)[outside]
            observation, *_ = env.step(env.action_space.sample())


def test_a_part_without_names_is_numbered_and_one_of_another_size_raises() -> None:
    class Plain:
        size = 2

    class Longer(Account):
        size = 10

    assert [value.name for value in values_of(Plain(), "observation.plain")] == ["0", "1"]
    described = environment(observation={"longer": Longer(), "clock": Clock()})
    with pytest.raises(ValueError, match=r"number of values of observation\.longer is 9; it must be its size, 10"):
        _ = described.observation_names

    class Wide(Quotes):
        size = 5

    with pytest.raises(ValueError, match=r"number of values of action is 4; it must be its size, 5"):
        environment(action=Wide()).action_values("outside")
