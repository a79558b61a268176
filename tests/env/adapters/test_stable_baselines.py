"""FocalEnv under Stable-Baselines3, where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.quotes import Quotes
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import External, Group
from marl_market.env.population.participation import Fixed, Participation
from marl_market.env.timing.chosen_delay import ChosenDelay
from marl_market.env.vector_env import FocalEnv
from tests.builders import environment

pytest.importorskip("stable_baselines3")
pytestmark = pytest.mark.filterwarnings("default")  # of that library's own

STEPS = 12


def described(participation: Participation | None = None, **changes: Any) -> EnvironmentSpec:
    groups = [Group("noise", ZeroIntelligence(), 4), Group("mine", External(), 2, participation)]
    return environment(groups, **changes)


def wrapped(**changes: Any) -> Any:
    from marl_market.env.adapters.stable_baselines import StableBaselinesEnv

    return StableBaselinesEnv(FocalEnv(described(**changes), markets=2))


def test_it_is_the_focal_env_but_for_the_reset() -> None:
    env, truth = wrapped(), FocalEnv(described(), markets=2)
    env.seed(3)
    assert np.array_equal(env.reset(), truth.reset(seed=3)[0])
    for step in range(3 * STEPS):
        action = truth.action_space.sample()
        observation, reward, done, infos = env.step(action)
        wanted, rewards, terminated, truncated, _ = truth.step(action)
        assert np.array_equal(reward, rewards)
        assert done.tolist() == [(step + 1) % STEPS == 0] * 4 == terminated.tolist()
        assert not truncated.any(), "it sees the clock"
        if done.all():
            assert np.array_equal(np.stack([info["terminal_observation"] for info in infos]), wanted)
            assert [info["TimeLimit.truncated"] for info in infos] == [False] * 4
            wanted, *_ = truth.step(action)
        assert np.array_equal(observation, wanted)
    assert not np.array_equal(env.reset(), observation)


def test_masks_are_found_as_sb3_contrib_looks_for_them() -> None:
    env = wrapped(action=MarketDiscrete())
    env.reset()
    assert env.has_attr("action_masks")
    assert not wrapped(action=Quotes()).has_attr("action_masks")
    assert np.array_equal(np.stack(env.env_method("action_masks")), env.env.batch.mask.reshape(4, 3) == 1)
    assert env.env_is_wrapped(dict) == [False] * 4
    assert env.get_attr("group", [0, 1]) == ["mine"] * 2


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"timing": ChosenDelay()}, "timing is ChosenDelay"),
        ({"participation": Participation(Fixed(3))}, r"population\.mine\.participation is Participation"),
    ],
)
def test_seats_that_sleep_or_come_and_leave_raise(changes: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        wrapped(**changes)


@pytest.mark.parametrize(("name", "action"), [("PPO", Quotes()), ("DQN", MarketDiscrete())])
def test_its_algorithms_learn(name: str, action: Any) -> None:
    import stable_baselines3
    from stable_baselines3.common.vec_env import VecMonitor

    settings = {"PPO": {"n_steps": 32, "batch_size": 64}, "DQN": {"learning_starts": 32, "buffer_size": 1000}}[name]
    algorithm = getattr(stable_baselines3, name)
    model = algorithm("MlpPolicy", VecMonitor(wrapped(action=action)), seed=1, device="cpu", **settings)
    before = [weight.detach().numpy().copy() for weight in model.policy.parameters()]
    model.learn(256)
    assert {episode["l"] for episode in model.ep_info_buffer} == {STEPS}
    after = [weight.detach().numpy() for weight in model.policy.parameters()]
    assert any(not np.array_equal(one, other) for one, other in zip(before, after, strict=True))
