"""MarketEnv in the libraries that take PettingZoo's environments, where they are installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.quotes import Quotes
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External, Group
from marl_market.env.population.participation import Fixed, Participation
from marl_market.env.timing.chosen_delay import ChosenDelay
from marl_market.env.timing.every_step import EveryStep
from tests.builders import environment

pytestmark = pytest.mark.filterwarnings("default")  # of these libraries' own

STEPS = 12
TIMINGS = [EveryStep(), ChosenDelay((1, 3))]
ACTIONS = [Quotes(), MarketDiscrete()]


def fixed(action: Any, timing: Any) -> MarketEnv:
    return MarketEnv(described(action, timing), fixed_agents=True)


def described(action: Any, timing: Any) -> EnvironmentSpec:
    groups = [
        Group("noise", ZeroIntelligence(), 4),
        Group("mine", External(), 2, Participation(Fixed((0, 3)), Fixed((5, 100)))),
        Group("other", External(), 1),
    ]
    return environment(groups, action=action, timing=timing)


@pytest.mark.parametrize("timing", TIMINGS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("action", ACTIONS, ids=lambda each: type(each).__name__)
def test_torchrl_takes_it(action: Any, timing: Any) -> None:
    libs = pytest.importorskip("torchrl.envs.libs.pettingzoo")
    from torchrl.envs.utils import check_env_specs

    if timing.choices and isinstance(action, MarketDiscrete):
        pytest.skip("TorchRL reads no masks of several choices")
    env = libs.PettingZooWrapper(fixed(action, timing), return_state=True, seed=0, categorical_actions=False)
    check_env_specs(env)
    rollout = env.rollout(3 * STEPS, break_when_any_done=False)
    assert rollout.batch_size == (3 * STEPS,)
    first = rollout["mine", "info"]
    alive = first["alive"].reshape(3, STEPS, 2)
    assert alive[0, :, 0].tolist() == [1.0] * 5 + [0.0] * 7
    assert alive[1, :, 1].tolist() == [0.0] * 3 + [1.0] * 9
    assert rollout["state"].shape == (3 * STEPS, *fixed(action, timing).state_space.shape)


@pytest.mark.parametrize("timing", TIMINGS, ids=lambda each: type(each).__name__)
def test_supersuit_makes_a_vector_environment_of_it(timing: Any) -> None:
    supersuit = pytest.importorskip("supersuit")
    env = supersuit.pettingzoo_env_to_vec_env_v1(fixed(Quotes(), timing))
    assert env.num_envs == 3
    env.reset(seed=1)
    for step in range(2 * STEPS):
        actions = np.stack([env.action_space.sample() for _ in range(3)])
        observation, reward, terminated, truncated, _ = env.step(actions)
        assert observation.shape[0] == reward.shape[0] == 3
        assert (terminated | truncated).tolist() == [(step + 1) % STEPS == 0] * 3


@pytest.mark.parametrize("timing", TIMINGS, ids=lambda each: type(each).__name__)
def test_agilerl_takes_it(timing: Any) -> None:
    vector = pytest.importorskip("agilerl.vector.pz_async_vec_env")
    env = vector.AsyncPettingZooVecEnv([lambda: fixed(Quotes(), timing)] * 2)
    try:
        env.reset(seed=1)
        for _ in range(2 * STEPS):
            actions = {name: np.zeros((2, *env.single_action_space(name).shape)) for name in env.possible_agents}
            observation, reward, *_ = env.step(actions)
        assert set(observation) == set(reward) == set(env.possible_agents)
    finally:
        env.close()
