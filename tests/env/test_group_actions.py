"""Groups that act in their own way in one market."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.spaces import Discrete, MultiDiscrete
from pettingzoo.test import parallel_api_test

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.order_by_order import OrderByOrder
from marl_market.env.actions.quotes import Quotes
from marl_market.env.actions.validation import ActionError
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External, Group
from marl_market.market.seeding import Stream, derive_keys
from tests.builders import environment

GROUPS = (
    Group("taker", External(), 1, action=MarketDiscrete(quantity=2.0)),
    Group("noise", ZeroIntelligence(), 4),
    Group("maker", External(), 2, action=Quotes(farthest=1.5, largest=2.0)),
    Group("careful", External(), 1, action=OrderByOrder()),
)


def mixed() -> EnvironmentSpec:
    return environment(GROUPS)


def test_every_group_has_its_own_action_or_that_of_the_environment() -> None:
    described = mixed()
    assert described.action_of("taker") == MarketDiscrete(quantity=2.0)
    assert described.action_of("maker") == Quotes(farthest=1.5, largest=2.0)
    assert described.action_of("noise") is described.action
    assert (described.action_size, described.mask_size) == (4, 21)
    with pytest.raises(KeyError, match="no group 'nobody'"):
        described.action_of("nobody")


def test_seats_act_as_alone_with_their_own_action() -> None:
    batch = BatchMarket(mixed(), 2)
    batch.reset([1, 2])
    np.testing.assert_array_equal(batch.num_choices, [[3, 0, 0, 0], [0] * 4, [0] * 4, [5, 8, 5, 3]])
    action = np.zeros((2, 4, 4), np.float32)
    action[:, 0, 0] = 1  # buy at market
    action[:, 0, 1:] = 77.5  # not part of its action
    action[:, 1:3] = [0.5, 0.5, 1.0, 1.0]
    account = batch.markets["seat"]["account"]
    batch.step(action)
    quantity = round(2.0 * batch.environment.spec.size_scale_lots)
    assert 0 < account["position"][:, 0].max() <= quantity
    seats = batch.environment.seats_of("maker")
    assert (account["open_lots"][:, seats] > 0).all()
    assert (account["open_lots"][:, 0] == 0).all()


def test_masks_are_those_of_the_seat_and_zero_behind() -> None:
    batch = BatchMarket(mixed(), 3)
    batch.mask[:] = 9
    batch.reset([1, 2, 3])
    assert batch.mask.shape == (3, 4, 21)
    assert batch.mask[:, 0, :3].all()
    assert not batch.mask[:, 0, 3:].any()
    assert not batch.mask[:, 1:3].any()
    assert batch.mask[:, 3].any()


def test_an_invalid_choice_raises_and_a_large_number_of_a_continuous_action_does_not() -> None:
    batch = BatchMarket(mixed(), 1)
    batch.reset([1])
    action = np.zeros((1, 4, 4), np.float32)
    action[0, 1] = -3.7
    batch.step(action)
    action[0, 0, 0] = 3
    with pytest.raises(ActionError, match=r"action\[0, 0, 0\] is 3.0; it must be a whole number from 0 to 2"):
        batch.step(action)
    action[0, 0, 0] = 0
    action[0, 2, 3] = np.nan
    with pytest.raises(ActionError, match=r"action\[0, 2, 3\] is nan; it must be finite \(group .*, seat .*, step 1\)"):
        batch.step(action)


def test_an_action_that_does_not_fit_is_named_by_its_group() -> None:
    class Wide(Quotes):
        size = 17

    with pytest.raises(ValueError, match=r"population\.taker\.action has 17 numbers; it must have 1 to 16"):
        environment([replace(GROUPS[0], action=Wide())])


def test_agents_have_the_spaces_and_masks_of_their_groups() -> None:
    env = MarketEnv(mixed())
    spaces = [env.action_space(agent) for agent in env.possible_agents]
    assert spaces == [Discrete(3), Quotes().space, Quotes().space, MultiDiscrete([5, 8, 5, 3])]
    _, infos = env.reset(seed=1)
    assert infos["taker_0"]["action_mask"].shape == (3,)
    assert infos["maker_0"] == {}
    assert [mask.size for mask in infos["careful_0"]["action_mask"]] == [5, 8, 5, 3]
    actions = {agent: env.action_space(agent).sample() for agent in env.agents}
    with pytest.raises(ActionError, match=r"action of 'maker_1' is 0; it must be 4 numbers"):
        env.step({**actions, "maker_1": 0})
    with pytest.raises(ActionError, match=r"action of 'taker_0' is .*; it must be one number"):
        env.step({**actions, "taker_0": np.zeros(4)})
    with pytest.raises(ActionError, match=r"action of .careful_0., number 2, is 5.0; .* whole number .* to 4"):
        env.step({**actions, "careful_0": np.array([0, 0, 5, 0])})
    parallel_api_test(MarketEnv(mixed()), num_cycles=20)


def test_a_batch_and_its_parallel_env_go_the_same_way() -> None:
    env, batch = MarketEnv(mixed()), BatchMarket(mixed(), 1)
    for number, agent in enumerate(env.possible_agents):
        env.action_space(agent).seed(number)
    env.reset(seed=5)
    batch.reset(derive_keys(5, Stream.EPISODE, 0, count=1))
    while env.agents:
        actions = {agent: env.action_space(agent).sample() for agent in env.agents}
        played = np.zeros((1, 4, 4), np.float32)
        for row, action in zip(played[0], actions.values(), strict=True):
            row[: np.size(action)] = action
        _, rewards, _, _, _ = env.step(actions)
        np.testing.assert_array_equal(list(rewards.values()), batch.step(played).reward[0, batch.external])
