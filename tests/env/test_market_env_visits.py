"""A PettingZoo market whose agents come, leave and sleep, against its batch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

from marl_market.agents.scripted.momentum import Momentum
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.validation import ActionError
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.account import Account
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External, Group
from marl_market.env.population.participation import Exponential, Fixed, Participation, Uniform
from marl_market.env.timing.chosen_delay import ChosenDelay
from marl_market.env.timing.chosen_trigger import ChosenTrigger
from marl_market.market.seeding import Stream, derive_keys
from tests.builders import actions, environment, market_spec

STEPS = 60


def visits(**changes: Any) -> EnvironmentSpec:
    groups = [
        Group("early", External(), 2, Participation(duration=Exponential(20.0), closes_position=True)),
        Group("noise", ZeroIntelligence(), 6),
        Group("passing", Momentum(), 2, Participation(Uniform(0, STEPS), Exponential(10.0))),
        Group("late", External(), 3, Participation(Uniform(0, STEPS // 2), Exponential(30.0))),
    ]
    return environment(**{"groups": groups, "spec": market_spec(session_steps=STEPS), **changes})


@pytest.mark.parametrize("action", [None, LimitGrid()])
def test_it_passes_the_contract_of_pettingzoo(action: Any, capsys: pytest.CaptureFixture[str]) -> None:
    parallel_api_test(MarketEnv(visits(**({"action": action} if action else {}))), num_cycles=2 * STEPS)
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize("changes", [{}, {"timing": ChosenDelay()}])
def test_it_passes_the_seed_test_of_pettingzoo(changes: Any) -> None:
    parallel_seed_test(lambda: MarketEnv(visits(**changes)), num_cycles=STEPS)


def test_an_agent_is_there_from_its_arrival_until_it_is_terminated() -> None:
    groups = [
        Group("noise", ZeroIntelligence(), 4),
        Group("outside", External(), 3, Participation(Fixed((0, 2, 4)), Fixed(3))),
    ]
    env = MarketEnv(environment(groups))
    observations, infos = env.reset(seed=1)
    assert env.agents == list(observations) == list(infos) == ["outside_0"]
    lives = []
    while env.agents:
        given = {agent: np.zeros(4, np.float32) for agent in env.agents}
        observations, rewards, terminations, truncations, _ = env.step(given)
        assert observations.keys() == rewards.keys() == terminations.keys() == truncations.keys()
        assert not any(truncations.values()), "no agent is there at the close"
        lives.append(
            (sorted(name[-1] for name in observations), [name[-1] for name in terminations if terminations[name]])
        )
    assert lives == [
        (["0"], []), (["0", "1"], []), (["0", "1"], ["0"]), (["1", "2"], []), (["1", "2"], ["1"]), (["2"], []),
        (["2"], ["2"]),
    ]  # fmt: skip
    with pytest.raises(RuntimeError, match="the session is over"):
        env.step({})


def test_the_market_goes_on_by_itself_until_an_agent_is_there() -> None:
    groups = [
        Group("noise", ZeroIntelligence(), 4),
        Group("outside", External(), 2, Participation(Fixed((3, 8)), Fixed(2))),
    ]
    env = MarketEnv(environment(groups))
    env.reset(seed=1)
    public, seen = env.batch.markets["public"], []
    while env.agents:
        seen.append((int(public["step"][0]), list(env.agents)))
        _, _, terminations, _, _ = env.step({agent: np.zeros(4, np.float32) for agent in env.agents})
    assert seen == [(3, ["outside_0"]), (4, ["outside_0"]), (8, ["outside_1"]), (9, ["outside_1"])]
    assert terminations == {"outside_1": True}


def test_a_session_without_active_agents_is_over_after_the_reset() -> None:
    groups = [Group("noise", ZeroIntelligence(), 4), Group("outside", External(), 1, Participation(Fixed(50)))]
    env = MarketEnv(environment(groups))
    observations, _ = env.reset(seed=1)
    assert env.agents == []
    assert observations == {}


def follow(
    described: EnvironmentSpec, policy: Callable[[str, Any], Any], seed: int = 5
) -> tuple[dict[str, list[tuple[float, int]]], dict[str, float], dict[str, bool]]:
    """Play a session; return each agent's results (reward, elapsed), their sum, and its termination."""
    env = MarketEnv(described)
    observations, _ = env.reset(seed=seed)
    results: dict[str, list[tuple[float, int]]] = {name: [] for name in env.possible_agents}
    ended: dict[str, bool] = {}
    while env.agents:
        chosen = {name: policy(name, seen) for name, seen in observations.items() if not ended.get(name)}
        observations, rewards, terminations, truncations, infos = env.step(chosen)
        assert observations.keys() == rewards.keys() == infos.keys() <= terminations.keys() == truncations.keys()
        for name in rewards:
            results[name].append((rewards[name], infos[name].get("elapsed_steps", 1)))
        for name in terminations:
            assert name not in ended
            assert set(env.agents) == {n for n in terminations if not (terminations[n] or truncations[n])}
        ended |= {name: terminations[name] for name in terminations if terminations[name] or truncations[name]}
    return results, {name: sum(reward for reward, _ in given) for name, given in results.items()}, ended


@pytest.mark.parametrize("timing", [None, ChosenDelay((1, 2, 5)), ChosenTrigger(longest_steps=7)])
def test_rewards_of_agents_add_up_to_those_of_their_seats(timing: Any) -> None:
    # Without the clock the close truncates, so that only those who leave are terminated.
    described = visits(observation={"account": Account()}, **({"timing": timing} if timing else {}))
    size = described.action_size
    constant = {f"{group}_{number}": np.random.default_rng(number).uniform(-1, 1, size).astype(np.float32)
                for group, count in (("early", 2), ("late", 3)) for number in range(count)}  # fmt: skip
    results, total, ended = follow(described, lambda name, _: constant[name])
    batch = BatchMarket(described, 1)
    batch.reset(derive_keys(5, Stream.EPISODE, 0, count=1))
    reward, there, gone = np.zeros(13), np.zeros(13, int), np.zeros(13, bool)
    action = np.stack(list(constant.values()))[None]
    for _ in range(STEPS):
        there += batch.markets["seat"]["present"][0, :13]
        step = batch.step(action)
        reward += step.reward[0]
        gone |= step.terminated[0]
    places = dict(zip(constant, batch.external.tolist(), strict=True))
    for name, seat in places.items():
        assert total[name] == pytest.approx(reward[seat], abs=1e-5)
        assert ended.get(name, False) == gone[seat]
        if timing:
            assert sum(steps for _, steps in results[name]) == there[seat]
    assert any(gone[seat] for seat in places.values())
    if timing:
        assert max(steps for given in results.values() for _, steps in given) > 1


def test_an_action_of_a_sleeping_agent_is_not_needed_and_not_played() -> None:
    env = MarketEnv(environment(timing=ChosenDelay((1, 4))))
    tracks_history = []
    for extra in (False, True):
        observations, _ = env.reset(seed=2)
        asleep = 0
        while env.agents:
            given = {name: np.full(5, 1.0 if name == "outside_0" else -1.0, np.float32) for name in observations}
            if extra:
                given |= {name: np.full(5, 0.3, np.float32) for name in env.agents if name not in observations}
            asleep += len(observations) < len(env.agents)
            observations, *_ = env.step(given)
        assert asleep == 9
        tracks_history.append(env.batch.markets.tobytes())
    assert tracks_history[0] == tracks_history[1]


def test_an_awake_agent_without_an_action_is_named() -> None:
    env = MarketEnv(environment(timing=ChosenDelay((1, 4))))
    env.reset(seed=2)
    env.step({"outside_0": np.ones(5, np.float32), "outside_1": -np.ones(5, np.float32)})
    for given, complaint in (({}, "no entry for 'outside_1'"), ({"outside_1": np.ones(4)}, "action of 'outside_1'")):
        with pytest.raises(ActionError, match=complaint):
            env.step(given)
    nan = np.full(5, np.nan, np.float32)
    with pytest.raises(ActionError, match="action of 'outside_1', number 0, is nan"):
        env.step({"outside_1": nan})


def test_random_sessions_of_visitors_conserve_everything() -> None:
    batch = BatchMarket(visits(timing=ChosenTrigger()), 8)
    batch.reset(range(8))
    left = np.zeros((8, 13), int)
    for action in actions(batch, STEPS):
        left += batch.step(action).terminated
        assert not batch.markets["seat"]["live"][batch.markets["seat"]["present"] == 0].any()
    assert left.max() == 1
    assert [error.any() for error in batch.conservation_errors()] == [False, False]
