from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Discrete, Tuple
from pettingzoo.test import parallel_api_test

from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.order_by_order import OrderByOrder
from marl_market.env.actions.order_mixed import OrderMixed
from marl_market.env.actions.validation import ActionError
from marl_market.env.batch_market import BatchMarket
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.timing.chosen_delay import ChosenDelay
from tests.builders import environment, market_spec

SCHEMES = [MarketDiscrete(), LimitGrid(), OrderByOrder(), OrderMixed()]


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: type(scheme).__name__)
def test_masked_samples_are_played(scheme: Any) -> None:
    env = MarketEnv(environment(action=scheme))
    for agent in env.possible_agents:
        env.action_space(agent).seed(1)
    _, infos = env.reset(seed=1)
    while env.agents:
        actions = {agent: env.action_space(agent).sample(infos[agent]["action_mask"]) for agent in env.agents}
        _, _, _, _, infos = env.step(actions)
    seats = env.batch.markets[0]["seat"][env.batch.external]
    assert seats["account"]["trades"].sum() > 0
    assert seats["account"]["rejected"].sum() == 0


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: type(scheme).__name__)
def test_a_discrete_market_is_a_pettingzoo_environment(scheme: Any) -> None:
    parallel_api_test(MarketEnv(environment(action=scheme)), num_cycles=20)


def test_the_mask_of_a_batch_is_written_by_reset_and_by_each_step() -> None:
    batch = BatchMarket(environment(action=LimitGrid(levels=(40.0,), sizes=(1.0,), position_limit=1.0)), 3)
    assert batch.mask.shape == (3, 2, 4)
    assert batch.mask.dtype == np.uint8
    batch.mask[:] = 9
    batch.reset([1, 2, 3])
    assert (batch.mask == [1, 0, 1, 1]).all()
    action = np.zeros((3, 2, 1), np.float32)
    action[1, 0] = 2
    batch.step(action)
    assert batch.mask[1, 0].tolist() == [1, 1, 0, 1]
    assert (batch.mask[0] == [1, 0, 1, 1]).all()


def test_continuous_actions_have_no_mask() -> None:
    env = MarketEnv(environment())
    assert env.batch.mask.shape == (1, 2, 0)
    assert env.reset(seed=1)[1] == {agent: {} for agent in env.possible_agents}


@pytest.mark.parametrize("value", [3, -1, 1.5, float("nan")])
def test_a_choice_there_is_not_is_named_with_its_agent(value: float) -> None:
    env = MarketEnv(environment(action=MarketDiscrete()))
    env.reset(seed=1)
    with pytest.raises(ActionError, match=rf"action of 'outside_1'.* is {value}.*whole number from 0 to 2"):
        env.step({"outside_0": 1, "outside_1": value})
    assert env.batch.markets["public"]["step"][0] == 0


def test_a_batch_names_the_market_seat_and_number() -> None:
    batch = BatchMarket(environment(action=OrderByOrder()), 2)
    batch.reset([1, 2])
    action = np.zeros((2, 2, 4), np.float32)
    action[1, 0, 2] = 5
    with pytest.raises(ActionError, match=r"action\[1, 0, 2\] is 5.0; it must be a whole number from 0 to 4"):
        batch.step(action)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (1, "must be a tuple as of Tuple"),
        (np.zeros(3, np.float32), "must be a tuple as of Tuple"),
        ((1, np.zeros(3)), "must be a tuple as of Tuple"),
        ((3, np.zeros(2)), "number 0, is 3.0; it must be a whole number from 0 to 2"),
        ((1, np.array([0, np.inf])), "number 2, is inf; it must be finite"),
    ],
)
def test_a_mixed_action_is_a_choice_and_numbers(value: Any, complaint: str) -> None:
    env = MarketEnv(environment(action=OrderMixed()))
    env.reset(seed=1)
    fine = (0, np.zeros(2))
    with pytest.raises(ActionError, match=rf"(?s)action of 'outside_1'.*{complaint}"):
        env.step({"outside_0": fine, "outside_1": value})
    assert env.batch.markets["public"]["step"][0] == 0
    env.step({"outside_0": fine, "outside_1": fine})


def test_a_mixed_action_is_repeated_per_instrument_and_timed() -> None:
    single = OrderMixed().space
    pair = market_spec(further_instruments={"second": market_spec(name="second")})
    assert environment(action=OrderMixed(), spec=pair).action_of("outside").space == Tuple((*single, *single))
    timed = environment(action=OrderMixed(), timing=ChosenDelay((1, 3)))
    assert timed.action_of("outside").space == Tuple((*single, Discrete(2)))
    env = MarketEnv(timed)
    _, infos = env.reset(seed=1)
    assert [part is None for part in infos["outside_0"]["action_mask"]] == [False, True, False]
    _, _, _, _, infos = env.step({"outside_0": (1, np.zeros(2), 1), "outside_1": (2, np.zeros(2), 0)})
    assert set(infos) == {"outside_1"}, "the other sleeps"


@pytest.mark.parametrize("value", [[1], np.array([0, 1]), "buy"])
def test_a_discrete_action_is_one_number(value: Any) -> None:
    env = MarketEnv(environment(action=MarketDiscrete()))
    env.reset(seed=1)
    with pytest.raises(ActionError, match=r"action of 'outside_0' is .*; it must be one number"):
        env.step({"outside_0": value, "outside_1": 0})
