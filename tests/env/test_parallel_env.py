from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pettingzoo.test import parallel_api_test, parallel_seed_test

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_continuous import LimitContinuous
from marl_market.env.actions.market_size import MarketSize
from marl_market.env.actions.quotes import Quotes
from marl_market.env.actions.target_position import TargetPosition
from marl_market.env.actions.validation import ActionError
from marl_market.env.batch_market import BatchMarket
from marl_market.env.observations.account import Account
from marl_market.env.observations.clock import Clock
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External, Group
from marl_market.market.seeding import Stream, derive_keys
from tests.builders import environment, market_spec

NAMES = ["first_0", "first_1", "second_0"]


def market_env() -> MarketEnv:
    groups = [Group("first", External(), 2), Group("noise", ZeroIntelligence(), 4), Group("second", External(), 1)]
    return MarketEnv(environment(groups))


def same_action(value: float = 0.25) -> dict[str, NDArray[np.float32]]:
    return {name: np.full(4, value, np.float32) for name in NAMES}


def play(env: MarketEnv, seed: int | None = None) -> list[Any]:
    observations, _ = env.reset(seed)
    history: list[Any] = [observations]
    while env.agents:
        observations, rewards, *_ = env.step(same_action())
        history.append((observations, rewards))
    return history


def test_it_passes_the_contract_of_pettingzoo(capsys: pytest.CaptureFixture[str]) -> None:
    parallel_api_test(market_env(), num_cycles=50)
    assert "Passed" in capsys.readouterr().out


def test_it_passes_the_seed_test_of_pettingzoo() -> None:
    parallel_seed_test(market_env, num_cycles=20)


def test_agents_are_the_external_seats_by_name() -> None:
    env = market_env()
    assert env.possible_agents == NAMES
    assert env.agents == []
    observations, infos = env.reset(seed=1)
    assert env.agents == NAMES == list(observations) == list(infos)
    for name in NAMES:
        assert env.observation_space(name) is env.observation_space(name)
        assert env.observation_space(name).contains(observations[name])
        assert env.action_space(name).shape == (4,)


def test_each_agent_plays_and_is_scored_in_its_own_seat() -> None:
    env, batch = market_env(), BatchMarket(market_env().batch.environment, 1)
    observations, _ = env.reset(seed=3)
    (word,) = derive_keys(3, Stream.EPISODE, 0, count=1)
    assert np.array_equal(batch.reset([int(word)])[0], np.stack([observations[name] for name in NAMES]))
    action = np.random.default_rng(0).uniform(-1, 1, (1, 3, 4)).astype(np.float32)
    for _ in range(5):
        expected = batch.step(action)
        shuffled = {NAMES[place]: action[0, place] for place in (2, 0, 1)}
        observations, rewards, *_ = env.step(shuffled)
        for place, (name, seat) in enumerate(zip(NAMES, (0, 1, 6), strict=True)):
            assert np.array_equal(observations[name], expected.observation[0, place])
            assert rewards[name] == expected.reward[0, seat]
            assert type(rewards[name]) is float
    assert len({float(value) for value in expected.reward[0]}) > 1


@pytest.mark.parametrize("observation", [{"clock": Clock(), "account": Account()}, {"account": Account()}], ids=len)
def test_the_close_terminates_all_agents_who_see_the_clock_and_truncates_them_else(observation: Any) -> None:
    env = MarketEnv(replace(market_env().batch.environment, observation=observation))
    env.reset(seed=1)
    for left in reversed(range(env.batch.environment.spec.session_steps)):
        _, _, terminated, truncated, _ = env.step(same_action())
        assert terminated == dict.fromkeys(NAMES, left == 0 and "clock" in observation)
        assert truncated == dict.fromkeys(NAMES, left == 0 and "clock" not in observation)
        assert env.agents == (NAMES if left else [])
    for given in ({}, same_action()):
        with pytest.raises(RuntimeError, match="the session is over"):
            env.step(given)


def test_a_step_before_the_first_reset_raises() -> None:
    with pytest.raises(RuntimeError, match="call reset before step"):
        market_env().step(same_action())


def test_returned_arrays_are_not_written_again() -> None:
    env = market_env()
    observations, _ = env.reset(seed=1)
    handed_out, flags = [observations], []
    kept = [{name: row.copy() for name, row in observations.items()}]
    for _ in range(4):
        observations, _, terminated, truncated, _ = env.step(same_action())
        handed_out.append(observations)
        kept.append({name: row.copy() for name, row in observations.items()})
        flags += [terminated, truncated]
    for given, copy in zip(handed_out, kept, strict=True):
        assert all(np.array_equal(given[name], copy[name]) for name in NAMES)
    assert not np.array_equal(kept[0][NAMES[0]], kept[-1][NAMES[0]])
    flags[0][NAMES[0]] = True
    assert env.step(same_action())[2] == dict.fromkeys(NAMES, False)


def test_a_seed_fixes_a_session_and_a_reset_without_one_goes_on_to_the_next() -> None:
    env = market_env()
    first, second, third = play(env, seed=5), play(env), play(env)
    assert np.array_equal(play(env, seed=5)[-1][0][NAMES[0]], first[-1][0][NAMES[0]])
    assert np.array_equal(play(env)[-1][0][NAMES[0]], second[-1][0][NAMES[0]])
    ends = [history[-1][0][NAMES[0]].tobytes() for history in (first, second, third, play(env, seed=6))]
    assert len(set(ends)) == 4


def test_without_any_seed_two_environments_differ() -> None:
    assert play(market_env())[-1][0][NAMES[0]].tobytes() != play(market_env())[-1][0][NAMES[0]].tobytes()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        pytest.param(np.zeros(3, np.float32), "action of 'first_1' is .* it must be 4 numbers", id="few"),
        pytest.param(np.zeros((1, 4), np.float32), "action of 'first_1'", id="two_dimensions"),
        pytest.param(np.zeros(1, np.float32), "action of 'first_1'", id="one_number"),
        pytest.param(0.5, "action of 'first_1' is 0.5", id="scalar"),
        pytest.param("sell", "action of 'first_1' is 'sell'", id="text"),
        pytest.param(list("sell"), "action of 'first_1'", id="letters"),
        pytest.param([[1.0], [2.0, 3.0]], "action of 'first_1'", id="ragged"),
        pytest.param(None, "action of 'first_1' is None", id="none"),
        pytest.param([0.0, np.nan, 0.0, 0.0], r"action of 'first_1', number 1, is nan; it must be finite", id="nan"),
        pytest.param([0.0, 0.0, 0.0, np.inf], r"action of 'first_1', number 3, is inf; it must be finite", id="inf"),
    ],
)
def test_a_bad_action_is_named_and_plays_nothing(given: Any, complaint: str) -> None:
    env = market_env()
    env.reset(seed=1)
    before = env.batch.markets.tobytes()
    with pytest.raises(ActionError, match=complaint):
        env.step({**same_action(), "first_1": given})
    assert env.batch.markets.tobytes() == before


def test_a_missing_agent_is_named() -> None:
    env = market_env()
    env.reset(seed=1)
    given = same_action()
    del given["second_0"]
    with pytest.raises(ActionError, match="no entry for 'second_0'"):
        env.step(given)


def test_a_market_without_external_agents_raises() -> None:
    with pytest.raises(ValueError, match="population has no external group"):
        MarketEnv(environment([Group("noise", ZeroIntelligence(), 4)], spec=market_spec()))


def test_an_unknown_agent_is_named_with_near_ones() -> None:
    env = market_env()
    for space in (env.observation_space, env.action_space):
        with pytest.raises(KeyError, match=r"possible_agents has no 'first_2'; did you mean first_1 or first_0"):
            space("first_2")
        with pytest.raises(KeyError, match=r"possible_agents has no 'x'; they are \['first_0', 'first_1', 's"):
            space("x")
    env.reset(seed=1)
    with pytest.raises(ActionError, match="unknown agent: possible_agents has no 'frist_1'; did you mean first_1"):
        env.step({**same_action(), "frist_1": np.zeros(4, np.float32)})
    wrong = same_action()
    wrong["second_1"] = wrong.pop("second_0")
    with pytest.raises(ActionError, match="no 'second_1'; did you mean second_0"):
        env.step(wrong)
    with pytest.raises(ActionError, match=r"actions is .* it must be a dict of one action for each agent"):
        env.step([np.zeros(4)] * 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, 1.5, "one", True, [1]])
def test_a_seed_that_is_none_is_named_and_changes_nothing(seed: Any) -> None:
    env, twin = market_env(), market_env()
    for each in (env, twin):
        each.reset(seed=3)
    with pytest.raises(ValueError, match=r"seed is .* it must be a whole number, 0 or more"):
        env.reset(seed=seed)
    first, second = env.reset()[0], twin.reset()[0]
    assert all(np.array_equal(first[name], second[name]) for name in NAMES)


def test_a_seed_may_be_of_any_size_and_integer_type() -> None:
    env = market_env()
    first, large = env.reset(seed=7)[0], env.reset(seed=2**80)[0]
    assert not np.array_equal(first[NAMES[0]], large[NAMES[0]])
    assert np.array_equal(first[NAMES[0]], env.reset(seed=np.uint8(7))[0][NAMES[0]])


@pytest.mark.parametrize("scheme", [Quotes(), MarketSize(), TargetPosition(), LimitContinuous()])
@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_numbers_beyond_the_space_are_clipped_to_it(scheme: Any, value: float) -> None:
    results = []
    for scale in (1.0, 50.0):
        env = MarketEnv(environment(action=scheme))
        env.reset(seed=1)
        played = np.full(scheme.size, value * scale, np.float32)
        results.append([env.step(dict.fromkeys(env.agents, played))[:2] for _ in range(6)])
    for (observations, rewards), (others, same) in zip(*results, strict=True):
        assert rewards == same
        assert all(np.array_equal(observations[agent], others[agent]) for agent in observations)


def test_what_is_no_environment_raises() -> None:
    with pytest.raises(ValueError, match="environment is 'quickstart'; it must be an EnvironmentSpec"):
        MarketEnv("quickstart")  # type: ignore[arg-type]
