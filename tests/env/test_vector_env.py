from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import DictInfoToList, DtypeObservation, NormalizeReward, RecordEpisodeStatistics
from numpy.typing import NDArray

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.evolution.strategies import OpenAIES
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.order_by_order import OrderByOrder
from marl_market.env.actions.order_mixed import OrderMixed
from marl_market.env.actions.quotes import Quotes
from marl_market.env.actions.validation import ActionError
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.account import Account
from marl_market.env.observations.clock import Clock
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External, Group
from marl_market.env.vector_env import FocalEnv
from tests.builders import environment, market_spec

STEPS = 12
SCHEMES = [Quotes(), MarketDiscrete(), LimitGrid(), OrderByOrder(), OrderMixed()]


def population(seats: int = 2, action: Any = None, **changes: Any) -> EnvironmentSpec:
    groups = [
        Group("before", ZeroIntelligence(), 3),
        Group("mine", External(), seats),
        Group("after", ZeroIntelligence()),
    ]
    return environment(groups, action=action or Quotes(), **changes)


def sampled(env: Any, seed: int = 0) -> Any:
    env.action_space.seed(seed)
    drawn = [env.action_space.sample() for _ in range(STEPS + 5)]
    return drawn if isinstance(drawn[0], tuple) else np.array(drawn)


class OneSeat(gymnasium.Env[NDArray[np.float32], Any]):
    """The only external seat of a `MarketEnv` as an ordinary environment, for gymnasium's own vector environment."""

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(self, described: EnvironmentSpec) -> None:
        self._market = MarketEnv(described)
        self._elapsed = 0
        (self._agent,) = self._market.possible_agents
        self.observation_space = self._market.observation_space(self._agent)
        self.action_space = self._market.action_space(self._agent)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        observations, infos = self._market.reset(seed)
        self._elapsed = 0
        return observations[self._agent], self._info(infos)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observations, rewards, terminated, truncated, infos = self._market.step({self._agent: action})
        agent, self._elapsed = self._agent, 1
        return observations[agent], rewards[agent], terminated[agent], truncated[agent], self._info(infos)

    def _info(self, infos: dict[str, dict[str, Any]]) -> dict[str, Any]:
        mask = infos[self._agent].get("action_mask")
        if isinstance(mask, tuple):
            mask = np.concatenate([part for part in mask if part is not None])
        info = {"alive": True, "acts": True, "elapsed_steps": self._elapsed}
        return info if mask is None else {**info, "action_mask": mask}


@pytest.mark.parametrize("action", SCHEMES, ids=lambda scheme: type(scheme).__name__)
def test_it_is_what_gymnasium_makes_of_single_environments(action: Any) -> None:
    described = population(1, action)
    truth = SyncVectorEnv([lambda: OneSeat(described)] * 3, autoreset_mode=AutoresetMode.NEXT_STEP)
    env = FocalEnv(described, markets=3)
    assert env.num_envs == truth.num_envs == 3
    for name in ("observation_space", "action_space", "single_observation_space", "single_action_space"):
        assert getattr(env, name) == getattr(truth, name), name
    assert env.metadata["autoreset_mode"] == truth.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    for seed in (7, [3, 1, 2], None):
        assert data_equivalence(env.reset(seed=seed), truth.reset(seed=seed))
    for step, played in enumerate(sampled(env)):
        observation, reward, *rest = env.step(played)
        wanted, score, *others = truth.step(played)
        assert data_equivalence(observation, wanted)
        assert np.array_equal(reward, score)
        assert data_equivalence(rest, others), f"step {step}"
    assert rest[0].dtype == np.bool_


def test_sub_environments_are_the_seats_market_by_market() -> None:
    env, twins = FocalEnv(population(), markets=3), [MarketEnv(population()) for _ in range(3)]
    observation, _ = env.reset(seed=5)
    first = [list(twin.reset(seed=5 + market)[0].values()) for market, twin in enumerate(twins)]
    assert np.array_equal(observation, np.concatenate(first))
    for played in sampled(env)[:STEPS]:
        observation, reward, *_ = env.step(played)
        rows = iter(played)
        stepped = [twin.step({agent: next(rows) for agent in twin.possible_agents}) for twin in twins]
        last = np.concatenate([list(result[0].values()) for result in stepped])
        assert np.array_equal(observation, last)
        assert np.array_equal(reward, np.concatenate([list(result[1].values()) for result in stepped]))
    assert len(set(reward.tolist())) > 1
    observation, reward, _, truncated, _ = env.step(played)
    assert not reward.any()
    assert not truncated.any()
    assert np.array_equal(observation, np.concatenate([list(twin.reset()[0].values()) for twin in twins]))


@pytest.mark.parametrize("observation", [{"clock": Clock(), "account": Account()}, {"account": Account()}], ids=len)
def test_the_close_terminates_where_the_clock_is_observed_and_truncates_else(observation: Any) -> None:
    env = FocalEnv(population(observation=observation), markets=2)
    env.reset(seed=1)
    for step, played in enumerate(sampled(env)[:STEPS]):
        _, _, terminated, truncated, _ = env.step(played)
        assert terminated.tolist() == [step == STEPS - 1 and "clock" in observation] * 4
        assert truncated.tolist() == [step == STEPS - 1 and "clock" not in observation] * 4


@pytest.mark.parametrize("action", SCHEMES, ids=lambda scheme: type(scheme).__name__)
def test_spaces_contain_observations_and_samples(action: Any) -> None:
    env = FocalEnv(population(action=action), markets=2)
    observation, infos = env.reset(seed=1)
    for played in sampled(env):
        assert env.observation_space.contains(observation)
        assert env.action_space.contains(played)
        assert all(env.single_observation_space.contains(row) for row in observation)
        observation, reward, _, _, infos = env.step(played)
        assert reward.shape == (4,)
        assert reward.dtype == np.float32
    assert ("action_mask" in infos) == (action.mask is not None)


def test_masks_are_those_of_each_seat() -> None:
    env = FocalEnv(population(action=MarketDiscrete()), markets=3)
    _, infos = env.reset(seed=1)
    for _ in range(STEPS):
        assert infos["action_mask"].shape == (6, 3)
        assert np.array_equal(infos["action_mask"].reshape(3, 2, 3), env.batch.mask)
        played = env.action_space.sample(tuple(infos["action_mask"]))
        *_, infos = env.step(played)


def test_the_wrappers_of_gymnasium_take_it() -> None:
    env = RecordEpisodeStatistics(FocalEnv(population(), markets=3))
    env.reset(seed=1)
    total = np.zeros(6)
    for step, played in enumerate(sampled(env)[:STEPS]):
        _, reward, terminated, truncated, infos = env.step(played)
        total += reward
        assert terminated.tolist() == [step == STEPS - 1] * 6
        assert not truncated.any()
    assert infos["episode"]["l"].tolist() == [STEPS] * 6
    assert np.array_equal(infos["episode"]["r"], total)
    assert env.episode_count == 6
    assert not env.step(played)[1].any()
    for played in sampled(env)[:STEPS]:
        *_, infos = env.step(played)
    assert infos["episode"]["l"].tolist() == [STEPS] * 6
    wrapped = DictInfoToList(
        DtypeObservation(NormalizeReward(FocalEnv(population(action=MarketDiscrete()), markets=1)), np.float64)
    )
    wrapped.reset(seed=1)
    observation, *_, listed = wrapped.step(sampled(wrapped)[0])
    assert observation.dtype == np.float64
    assert [set(info) for info in listed] == [{"alive", "acts", "elapsed_steps", "action_mask"}] * 2


def test_returned_arrays_are_not_written_again() -> None:
    env = FocalEnv(population(action=MarketDiscrete()), markets=2)
    handed_out = [env.reset(seed=1)]
    handed_out += [env.step(played) for played in sampled(env)]
    kept = [[np.copy(part) for part in (*given[:-1], given[-1]["action_mask"])] for given in handed_out]
    for played in sampled(env):
        env.step(played)
    for given, copy in zip(handed_out, kept, strict=True):
        assert data_equivalence([*given[:-1], given[-1]["action_mask"]], copy)


def test_a_seed_fixes_all_sessions_that_follow() -> None:
    env = FocalEnv(population(), markets=2)
    ends = []
    for seed in (5, 5, [5, 6], 6, None):
        env.reset(seed=seed)
        ends.append([env.step(played)[0].tobytes() for played in sampled(env)][-1])
    assert ends[0] == ends[1] == ends[2]
    assert len(set(ends[2:])) == 3


def test_trained_policies_play_beside_the_group_that_learns() -> None:
    size = population().observation_size
    network = MultilayerPerceptron((size, 4))
    weights = np.random.default_rng(0).normal(0, 1, network.parameter_count).astype(np.float32)
    groups = [*population().groups, Group("trained", CompiledPolicy(network, weights), 2)]
    env = FocalEnv(replace(population(), groups=groups), markets=2)
    env.reset(seed=1)
    seen = env.batch.markets["seat"]["agent"]["observation"][:, 6:8, :size].copy()
    env.step(sampled(env)[0])
    played = env.batch.markets["seat"]["agent"]["action"][:, 6:8, :4]
    np.testing.assert_allclose(played, seen @ weights[: 4 * size].reshape(size, 4) + weights[4 * size :], rtol=1e-4)


NOISE, MINE = Group("noise", ZeroIntelligence(), 4), Group("mine", External(), 2)
STALE = CompiledPolicy(MultilayerPerceptron((3, 4)), np.zeros(16, np.float32))


@pytest.mark.parametrize(
    ("groups", "complaint"),
    [
        pytest.param([NOISE], r"has 0 external groups \[\]; FocalEnv needs exactly one", id="none"),
        pytest.param(
            [MINE, NOISE, Group("yours", External())], r"has 2 external groups \['mine', 'yours'\]", id="several"
        ),
        pytest.param(
            [NOISE, MINE, Group("bred", EvolutionStrategy(strategy=OpenAIES()))],
            "population.bred is still evolving",
            id="evolving",
        ),
        pytest.param(
            [NOISE, MINE, Group("stale", STALE)],
            "population.stale has a policy of 3 inputs; observations have 55",
            id="stale",
        ),
    ],
)
def test_a_population_without_exactly_one_learning_group_raises(groups: list[Group], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        FocalEnv(environment(groups, spec=market_spec()), markets=2)


def test_a_bad_call_is_named_and_plays_nothing() -> None:
    env = FocalEnv(population(), markets=2)
    good = sampled(env)[0]
    with pytest.raises(RuntimeError, match="call reset before step"):
        env.step(good)
    with pytest.raises(ValueError, match="seed has 4 entries; 2 markets need one each"):
        env.reset(seed=[1, 2, 3, 4])
    with pytest.raises(ValueError, match="reset_mask; all sub-environments share a session"):
        env.reset(options={"reset_mask": np.array([True, False, False, False])})
    env.reset(seed=1)
    before = env.batch.markets.tobytes()
    for wrong in (good[:2], good.reshape(2, 2, 4), good[0]):
        with pytest.raises(ActionError, match=r"actions has shape .* it must be \(4, 4\)"):
            env.step(wrong)
    bad = good.copy()
    bad[2, 1] = np.nan
    with pytest.raises(ActionError, match=r"action\[1, 0, 1\] is nan"):
        env.step(bad)
    assert env.batch.markets.tobytes() == before


@pytest.mark.parametrize("actions", [np.zeros((2, 3)), (np.zeros(2), np.zeros((2, 3))), (np.zeros(2),), "buy", ()])
def test_a_mixed_action_of_another_shape_raises(actions: Any) -> None:
    env = FocalEnv(population(action=OrderMixed()), markets=1)
    env.reset(seed=1)
    with pytest.raises(ActionError, match="actions"):
        env.step(actions)
    env.step((np.zeros(2, np.int64), np.zeros((2, 2), np.float32)))
