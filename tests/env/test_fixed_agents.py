"""A PettingZoo market of a fixed set of agents, whatever their participation and timing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test
from pettingzoo.test.state_test import test_state as check_state
from pettingzoo.test.state_test import test_state_space as check_state_space
from pettingzoo.utils.conversions import aec_to_parallel, parallel_to_aec

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.order_mixed import OrderMixed
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External, Group
from marl_market.env.population.participation import Exponential, Fixed, Participation, Uniform
from marl_market.env.timing.chosen_delay import ChosenDelay
from marl_market.env.timing.chosen_trigger import ChosenTrigger
from marl_market.env.timing.every_step import EveryStep
from marl_market.market.seeding import Stream, derive_keys
from tests.builders import environment, market_spec

STEPS = 40


def described(action: Any = None, timing: Any = None) -> EnvironmentSpec:
    groups = [
        Group("early", External(), 2, Participation(duration=Exponential(10.0))),
        Group("noise", ZeroIntelligence(), 5),
        Group("never", External(), 1, Participation(Fixed(STEPS))),
        Group("late", External(), 2, Participation(Uniform(1, STEPS // 2), Exponential(60.0)), action=MarketDiscrete()),
    ]
    spec = market_spec(session_steps=STEPS)
    return environment(groups, spec=spec, action=action or Quotes(), timing=timing or EveryStep())


def fixed(action: Any = None, timing: Any = None) -> MarketEnv:
    return MarketEnv(described(action, timing), fixed_agents=True)


NAMES = ["early_0", "early_1", "never_0", "late_0", "late_1"]
EVERY = [EveryStep(), ChosenDelay((1, 3, 9)), ChosenTrigger(longest_steps=7)]
ACTIONS = [Quotes(), LimitGrid(), OrderMixed()]


@pytest.mark.filterwarnings("ignore:Agent's m:UserWarning")  # some observations have no bounds
@pytest.mark.filterwarnings("ignore:Action space for each agent probably should be:UserWarning")
@pytest.mark.filterwarnings("ignore:Environment's m:UserWarning")
@pytest.mark.filterwarnings("ignore:Observation numpy array is all zeros:UserWarning")  # before an arrival
@pytest.mark.parametrize("timing", EVERY, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("action", ACTIONS, ids=lambda each: type(each).__name__)
def test_it_passes_every_test_of_pettingzoo(action: Any, timing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    parallel_api_test(fixed(action, timing), num_cycles=2 * STEPS)
    parallel_seed_test(lambda: fixed(action, timing), num_cycles=STEPS)
    api_test(parallel_to_aec(fixed(action, timing)), num_cycles=2 * STEPS)
    seed_test(lambda: parallel_to_aec(fixed(action, timing)), num_cycles=STEPS)
    env = fixed(action, timing)
    assert aec_to_parallel(parallel_to_aec(env)) is env
    check_state_space(env)
    check_state(parallel_to_aec(env), num_cycles=STEPS)
    assert capsys.readouterr().out.count("Passed") == 2


@pytest.mark.parametrize("timing", EVERY, ids=lambda each: type(each).__name__)
def test_agents_are_told_by_their_infos(timing: Any) -> None:
    env, batch = fixed(timing=timing), BatchMarket(described(timing=timing), 1)
    observations, infos = env.reset(seed=5)
    batch.reset(derive_keys(5, Stream.EPISODE, 0, count=1))
    last, slept = observations, 0
    for step in range(STEPS):
        assert env.agents == NAMES == list(observations) == list(infos)
        present = batch.markets["seat"]["present"][0, batch.external] == 1
        assert [infos[name]["alive"] for name in NAMES] == present.tolist()
        assert [infos[name]["acts"] for name in NAMES] == batch.active[0, batch.external].tolist()
        for index, name in enumerate(NAMES):
            if infos[name]["acts"]:
                assert np.array_equal(observations[name], batch.observation[0, index])
            elif step > 0:
                assert np.array_equal(observations[name], last[name]), "its last one"
            if name.startswith("late"):
                assert infos[name]["action_mask"] is not None
        last = observations
        before = {name: infos[name] for name in NAMES}
        action = {name: env.action_space(name).sample() for name in NAMES}
        played = np.zeros((1, 5, batch.environment.action_size), np.float32)
        for index, name in enumerate(NAMES):
            played[0, index, : np.size(action[name])] = action[name]
        observations, rewards, terminations, truncations, infos = env.step(action)
        result = batch.step(played)
        assert list(rewards.values()) == result.reward[0, batch.external].tolist()
        for index, name in enumerate(NAMES):
            if result.terminated[0, batch.external[index]]:
                last = {**last, name: observations[name]}
                assert np.array_equal(observations[name], batch.observation[0, index])
            there, acted = before[name]["alive"], before[name]["acts"]
            elapsed = 1 if acted else before[name]["elapsed_steps"] + 1 if there else 0
            assert infos[name]["elapsed_steps"] == elapsed
            slept += elapsed > 1
        ends = step == STEPS - 1
        assert terminations == dict.fromkeys(NAMES, ends), "they see the clock"
        assert truncations == dict.fromkeys(NAMES, False)
    assert env.agents == []
    assert terminations["never_0"]
    assert (slept > 0) == (timing.choices > 0)
    assert not observations["never_0"].any()


def test_an_agent_that_does_not_act_needs_no_action_and_may_have_any() -> None:
    histories = []
    for extra in (False, True):
        env = fixed(timing=ChosenDelay((1, 4)))
        _, infos = env.reset(seed=2)
        env.action_space("early_0").seed(1)
        while env.agents:
            action = {name: np.zeros(env.action_space(name).shape) for name in NAMES if infos[name]["acts"]}
            if extra:
                action = dict.fromkeys(NAMES) | action
            *_, infos = env.step(action)
        histories.append(env.batch.markets["seat"]["account"].tobytes())
    assert histories[0] == histories[1]


def test_nothing_of_the_session_before_is_seen() -> None:
    used, fresh = fixed(), fixed()
    used.reset(seed=1)
    for _ in range(STEPS):
        used.step({name: used.action_space(name).sample() for name in NAMES})
    first, second = used.reset(seed=8), fresh.reset(seed=8)
    assert all(np.array_equal(first[0][name], second[0][name]) for name in NAMES)
    assert np.array_equal(used.state(), fresh.state())
