from typing import Any

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test

from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.order_by_order import OrderByOrder
from marl_market.env.batch_market import ActionError, BatchMarket
from marl_market.env.market_env import MarketEnv
from tests.builders import environment

SCHEMES = [MarketDiscrete(), LimitGrid(), OrderByOrder()]


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


@pytest.mark.parametrize("value", [[1], np.array([0, 1]), "buy"])
def test_a_discrete_action_is_one_number(value: Any) -> None:
    env = MarketEnv(environment(action=MarketDiscrete()))
    env.reset(seed=1)
    with pytest.raises(ActionError, match=r"action of 'outside_0' is .*; it must be one number"):
        env.step({"outside_0": value, "outside_1": 0})
