"""A FocalEnv whose seats come, leave and sleep, against its batch and its PettingZoo market."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.validation import ActionError
from marl_market.env.adapters.episode_statistics import RecordSeatStatistics
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External, Group
from marl_market.env.population.participation import Exponential, Fixed, Participation, Uniform
from marl_market.env.timing.chosen_delay import ChosenDelay
from marl_market.env.vector_env import FocalEnv
from marl_market.market.seeding import Stream, derive_keys
from tests.builders import environment, market_spec

STEPS = 12
RANDOM = Participation(Uniform(0, 30), Exponential(15.0))
"""A seat arrives at any time of a session of 40 steps, or the one before its end, and leaves early or not at all."""


def visited(participation: Participation | None, seats: int = 2, **changes: Any) -> EnvironmentSpec:
    groups = [Group("noise", ZeroIntelligence(), 4), Group("mine", External(), seats, participation)]
    return environment(groups, **changes)


def played(env: Any, steps: int, seed: int = 0) -> list[Any]:
    """Play random actions; return the results of each step."""
    env.action_space.seed(seed)
    return [env.step(env.action_space.sample()) for _ in range(steps)]


def test_rows_say_when_their_seat_is_there() -> None:
    env = FocalEnv(visited(Participation(Fixed((0, 4)), Fixed((5, 100)))), markets=1)
    _, infos = env.reset(seed=1)
    assert infos["alive"].tolist() == infos["acts"].tolist() == [True, False]
    for _ in range(2):
        results = played(env, STEPS + 1)
        alive, elapsed = (np.stack([each[4][name] for each in results[:-1]]) for name in ("alive", "elapsed_steps"))
        terminated, truncated = (np.stack([each[number] for each in results[:-1]]) for number in (2, 3))
        assert alive[:, 0].tolist() == [True] * 4 + [False] * 8
        assert alive[:, 1].tolist() == [False] * 3 + [True] * 9
        assert elapsed[:, 0].tolist() == [1] * 5 + [0] * 7
        assert elapsed[:, 1].tolist() == [0] * 4 + [1] * 8
        assert np.argwhere(terminated).tolist() == [[4, 0], [STEPS - 1, 1]], "it sees the clock"
        assert not truncated.any()
        observation, reward, *ends, infos = results[-1]  # the first row of the next session
        assert infos["alive"].tolist() == [True, False]
        assert not any(values.any() for values in (reward, *ends, infos["elapsed_steps"]))
        assert observation[0].any()
        waiting = np.stack([each[0] for each in results[5:STEPS]])[:, 0]
        assert not waiting.any(), "a departed seat has no observation"
        assert not np.stack([each[1] for each in results[5:STEPS]])[:, 0].any()


def test_statistics_are_those_of_the_steps_in_the_market() -> None:
    described = visited(Participation(Fixed((0, 4)), Fixed((5, 100))))
    batch, stays = BatchMarket(described, 1), []
    exact, stock = (wrap(FocalEnv(described, 1)) for wrap in (RecordSeatStatistics, RecordEpisodeStatistics))
    for env in (exact, stock):
        env.reset(seed=1)
        played(env, 3 * (STEPS + 1))
    exact.action_space.seed(0)
    for session in range(3):
        batch.reset(derive_keys(1, Stream.EPISODE, session, count=1))
        total = np.zeros(6)
        for _ in range(STEPS):
            total += batch.step(exact.action_space.sample()[None]).reward[0]
        exact.action_space.sample()  # of the step that resets
        stays += total[4:].tolist()
    assert list(exact.length_queue) == [5, 8] * 3
    for env in (exact, stock):
        assert env.episode_count == 6, "a seat that is absent plays no episode"
        np.testing.assert_allclose(env.return_queue, stays, atol=1e-5)
    assert np.abs(stays).max() > 0


@pytest.mark.parametrize("timing", [None, ChosenDelay((1, 2, 5))])
def test_random_visits_are_those_of_the_batch(timing: Any) -> None:
    spec = market_spec(session_steps=40)
    described = visited(RANDOM, 3, spec=spec, **({"timing": timing} if timing else {}))
    env, batch = RecordSeatStatistics(FocalEnv(described, 4)), BatchMarket(described, 4)
    own, theirs = env.unwrapped.batch.markets["public"]["step"], batch.markets["public"]["step"]
    idle = np.zeros((4, 3, described.action_size), np.float32)
    lengths, returns = [], []
    env.reset(seed=3)
    for session in range(3):
        batch.reset([int(derive_keys(3 + market, Stream.EPISODE, session, count=1)[0]) for market in range(4)])
        there, total, episodes, waited = np.zeros(12, int), np.zeros(12), np.zeros(12, int), np.zeros(12, bool)
        random = np.random.default_rng(session)
        while not env.unwrapped.over:
            while theirs[0] < own[0]:
                assert not batch.step(idle).reward[:, 4:7].any(), "no seat is there"
            alive = batch.markets["seat"]["present"][:, 4:7].flatten() == 1
            there += alive
            action = random.uniform(-1, 1, (12, described.action_size)).astype(np.float32)
            observation, reward, terminated, truncated, infos = env.step(action)
            step = batch.step(action.reshape(idle.shape))
            np.testing.assert_array_equal(reward, step.reward[:, 4:7].flatten())
            alive = batch.markets["seat"]["present"][:, 4:7].flatten() == 1
            ended = step.terminated[:, 4:7].flatten() | (alive & step.truncated)
            np.testing.assert_array_equal(terminated, ended, "it sees the clock")
            assert not truncated.any()
            if theirs[0] == own[0]:
                np.testing.assert_array_equal(infos["alive"], alive)
                np.testing.assert_array_equal(infos["acts"], step.active[:, 4:7].flatten())
            waits = ~infos["alive"] & ~terminated
            assert not observation[waits].any()
            total += reward
            episodes += terminated | truncated
            waited |= waits
        while theirs[0] < 40:
            assert not batch.step(idle).reward[:, 4:7].any(), "no seat is there"
        assert waited.any()
        assert (episodes == (there > 0)).all(), "one episode for each seat that came"
        lengths += there[there > 0].tolist()
        returns += total[there > 0].tolist()
        env.step(env.action_space.sample())
    assert sorted(env.length_queue) == sorted(lengths)
    np.testing.assert_allclose(sorted(env.return_queue), sorted(returns), atol=1e-4)
    assert len(set(lengths)) > 5


def test_a_sleeping_seat_counts_its_steps_and_its_action_is_not_read() -> None:
    described = environment(timing=ChosenDelay((1, 4)))
    env, twin = FocalEnv(described, 1), MarketEnv(described)
    env.reset(seed=5)
    twin.reset(seed=5)
    sums, decisions, given = np.zeros(2), [], np.full((2, 5), -1.0, np.float32)
    given[0] = 1.0  # the first sleeps for 4 steps, the second for none
    for step in range(STEPS):
        played = given.copy()
        played[~(np.array([step % 4 == 0, True]))] = np.nan
        _, reward, _, _, infos = env.step(played)
        sums += reward
        assert infos["elapsed_steps"].tolist() == [step % 4 + 1, 1]
        assert infos["acts"].tolist() == [step % 4 == 3, True]
        for row in np.flatnonzero(infos["acts"]):
            decisions.append((row, infos["elapsed_steps"][row], sums[row]))
            sums[row] = 0.0
    seen = []
    while twin.agents:
        _, rewards, _, _, infos = twin.step({name: given[int(name[-1])] for name in twin.agents})
        seen += [(int(name[-1]), infos[name]["elapsed_steps"], rewards[name]) for name in sorted(rewards)]
    assert [each[:2] for each in decisions] == [each[:2] for each in seen]
    np.testing.assert_allclose([each[2] for each in decisions], [each[2] for each in seen], atol=1e-6)
    env.reset(seed=5)
    with pytest.raises(ActionError, match="is nan"):
        env.step(np.full((2, 5), np.nan, np.float32))


@pytest.mark.parametrize("action", [None, MarketDiscrete()])
def test_a_reset_with_a_seed_forgets_everything_before_it(action: Any) -> None:
    described = visited(RANDOM, 3, spec=market_spec(session_steps=40), **({"action": action} if action else {}))
    used, fresh = FocalEnv(described, 2), FocalEnv(described, 2)
    used.reset(seed=9)
    played(used, 57, seed=4)
    first = [env.reset(seed=5) for env in (used, fresh)]
    assert first[0][0].tobytes() == first[1][0].tobytes()
    for one, other in zip(played(used, 90), played(fresh, 90), strict=True):
        assert [part.tobytes() for part in one[:4]] == [part.tobytes() for part in other[:4]]
        assert {name: value.tolist() for name, value in one[4].items()} == {
            name: value.tolist() for name, value in other[4].items()
        }


def test_the_markets_go_on_by_themselves_while_no_seat_is_there() -> None:
    env = FocalEnv(visited(Participation(Fixed((3, 8)), Fixed(2))), markets=2)
    env.reset(seed=1)
    public, seen = env.batch.markets["public"], []
    for _ in range(5):
        seen.append((int(public["step"][0]), *env._infos()["alive"][:2].tolist(), env.over))
        env.step(env.action_space.sample())
    assert seen == [(3, 1, 0, 0), (4, 1, 0, 0), (5, 0, 0, 0), (8, 0, 1, 0), (9, 0, 1, 0)]
    assert env.over, "none will arrive any more"
    env.step(env.action_space.sample())
    assert int(public["step"][0]) == 3


def test_a_session_in_which_no_seat_arrives_is_over_and_the_next_step_resets() -> None:
    env = FocalEnv(visited(Participation(Fixed(50))), markets=1)
    observation, infos = env.reset(seed=1)
    for _ in range(3):
        assert env.over
        assert not any(values.any() for values in (observation, infos["alive"]))
        observation, *others, infos = env.step(env.action_space.sample())
        assert not any(values.any() for values in others), "rewards and ends"


def test_all_choices_are_legal_where_none_is_played() -> None:
    env = FocalEnv(visited(Participation(Fixed((0, 4))), action=MarketDiscrete()), markets=1)
    _, infos = env.reset(seed=1)
    assert infos["action_mask"][1].tolist() == [1, 1, 1]
    assert np.array_equal(infos["action_mask"][0], env.batch.mask[0, 0])
    assert env.action_masks().dtype == np.bool_
    with pytest.raises(AttributeError, match=r"actions of population\.mine have no mask"):
        FocalEnv(visited(None), markets=1).action_masks()


@pytest.mark.parametrize("seed", [-1, 1.5, "one", True, [1, -1], [1, None], [1.5, 2]])
def test_a_seed_that_is_none_is_named(seed: Any) -> None:
    env = FocalEnv(visited(None), markets=2)
    env.reset(seed=4)
    before = env.reset(seed=3)[0]
    with pytest.raises(ValueError, match=r"seed is .* it must be a whole number, 0 or more"):
        env.reset(seed=seed)
    assert np.array_equal(env.reset(seed=3)[0], before)


def test_a_seed_may_be_as_large_as_one_likes_and_of_any_integer_type() -> None:
    env = FocalEnv(visited(None), markets=2)
    large = env.reset(seed=2**70)[0]
    assert not np.array_equal(large, env.reset(seed=2**70 + 1)[0])
    assert np.array_equal(env.reset(seed=np.int64(7))[0], env.reset(seed=7)[0])
    assert env.np_random_seed == 7


def test_its_spec_names_it() -> None:
    env = FocalEnv(visited(None), markets=2)
    assert env.spec is not None
    assert (env.spec.id, env.spec.max_episode_steps) == ("marl_market/FocalEnv-v0", STEPS)
    assert "FocalEnv-v0" in str(env)
    with pytest.raises(ValueError, match="environment is 3; it must be an EnvironmentSpec"):
        FocalEnv(3, markets=2)  # type: ignore[arg-type]
