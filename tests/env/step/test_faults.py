"""A NaN or an infinity is an error of the step in which it appears, whoever calls the step, and names its source."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
import pytest

from marl_market.agents.interfaces import Decision, MarketShard
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.sampling.sampler import Sampler
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.signatures import DECODE, encoder, privileged_encoder, reward, trader
from marl_market.env.interface.spaces import num_choices_of
from marl_market.env.observations.book import Book
from marl_market.env.observations.clock import Clock
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External, Group
from marl_market.env.population.traits import Traits
from marl_market.env.rewards.profit import Profit
from marl_market.env.step.faults import NonFiniteError
from marl_market.env.vector_env import FocalEnv
from marl_market.evaluation.match import play_match
from marl_market.market.spec import MarketSpec
from tests.builders import environment, market_spec

STEP = 3
SEEDS = [1, 2]
THREADS = pytest.param(
    2, marks=pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="this machine offers one thread")
)


@encoder
def nan_of_one_seat(public, seat, observation):  # type: ignore[no-untyped-def]
    observation[0] = 1.0
    observation[1] = np.nan if public.step == STEP and seat.agent.group_index == 1 else 0.0


@encoder
def infinite_for_all(public, seat, observation):  # type: ignore[no-untyped-def]
    observation[0] = -np.inf if public.step == STEP else 0.0
    observation[1] = 0.0


@encoder
def nan_at_the_open(public, seat, observation):  # type: ignore[no-untyped-def]
    observation[0] = 0.0
    observation[1] = np.nan if public.step == 0 else 0.0


@encoder
def nan_of_the_second_instrument(public, seat, observation):  # type: ignore[no-untyped-def]
    observation[0] = np.nan if public.step == STEP and public.instrument == 1 else 0.0
    observation[1] = 0.0


@privileged_encoder
def nan_of_privilege(public, seats, index, observation, size):  # type: ignore[no-untyped-def]
    observation[0] = np.nan if public.step == STEP and index == 5 else 0.0
    observation[1] = 0.0


@dataclass(frozen=True)
class Part:
    encoder: Any
    shared: bool = False
    size = 2
    tracks_history = False


@dataclass(frozen=True)
class PrivilegedPart:
    privileged_encoder = nan_of_privilege
    size = 2
    tracks_history = False


@reward
def nan_reward(public, seat, params, part):  # type: ignore[no-untyped-def]
    return np.nan if public.step == STEP and seat.agent.group_index == 1 else 0.0


@reward
def huge_reward(public, seat, params, part):  # type: ignore[no-untyped-def]
    return 1e39 if public.step == STEP and seat.agent.group_index == 1 else 0.0  # beyond a float32


@dataclass(frozen=True)
class Score:
    reward: Any
    weight: float = 1.0

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        return ()


def observed(part: Any, **changes: Any) -> EnvironmentSpec:
    return environment(observation={"book": Book(), "own": part, "clock": Clock()}, **changes)


def scored(score: Any, **changes: Any) -> EnvironmentSpec:
    return environment(reward={"profit": Profit(), "own": score}, **changes)


def play(described: EnvironmentSpec, threads: int = 1) -> BatchMarket:
    batch = BatchMarket(described, len(SEEDS), threads)
    batch.reset(SEEDS)
    action = np.zeros((len(SEEDS), batch.external.size, described.action_size), np.float32)
    for _ in range(described.spec.session_steps):
        batch.step(action)
    return batch


OWN = rf"market 0, group outside, seat 5, step {STEP}, number 1, value nan"
CASES: list[tuple[Callable[[], EnvironmentSpec], str]] = [
    (lambda: observed(Part(nan_of_one_seat)), f"observation.own is not finite: {OWN}"),
    (
        lambda: observed(Part(infinite_for_all, shared=True)),
        f"observation.own is not finite: market 0, group outside, seat 4, step {STEP}, number 0, value -inf",
    ),
    (
        lambda: observed(PrivilegedPart()),
        f"observation.own is not finite: market 0, group outside, seat 5, step {STEP}, number 0, value nan",
    ),
    (
        lambda: observed(Part(nan_at_the_open)),
        "observation.own is not finite: market 0, group outside, seat 4, step 0, number 1, value nan",
    ),
    (
        lambda: observed(Part(nan_of_the_second_instrument), spec=pair()),
        "observation.own is not finite: market 0, group outside, seat 4, instrument second, "
        f"step {STEP}, number 0, value nan",
    ),
    (
        lambda: scored(Score(nan_reward)),
        f"reward.own is not finite: market 0, group noise, seat 1, step {STEP - 1}, value nan",
    ),
    (
        lambda: scored(Score(huge_reward)),
        f"reward.own is not finite: market 0, group noise, seat 1, step {STEP - 1}, value inf",
    ),
    (
        lambda: scored(Score(nan_reward, weight=0.0), groups=[Group("outside", External(), 2)]),
        f"reward.own is not finite: market 0, group outside, seat 1, step {STEP - 1}, value nan",
    ),
]


def pair() -> MarketSpec:
    return market_spec(further_instruments={"second": market_spec(name="second", initial_price=50.0)})


@pytest.mark.parametrize("threads", [1, THREADS])
@pytest.mark.parametrize(("described", "complaint"), CASES)
def test_what_is_not_finite_is_named_at_once(
    described: Callable[[], EnvironmentSpec], complaint: str, threads: int
) -> None:
    with pytest.raises(NonFiniteError) as raised:
        play(described(), threads)
    assert str(raised.value) == complaint
    assert str(pickle.loads(pickle.dumps(raised.value))) == complaint


def test_a_session_that_broke_is_over_and_the_next_one_is_whole() -> None:
    described = observed(Part(nan_of_one_seat))
    batch = BatchMarket(described, 2)
    batch.reset(SEEDS)
    action = np.zeros((2, 2, described.action_size), np.float32)
    for _ in range(2):
        batch.step(action)
    with pytest.raises(NonFiniteError):
        batch.step(action)
    with pytest.raises(RuntimeError, match="call reset before step"):
        batch.step(action)
    first = batch.reset(SEEDS)
    np.testing.assert_array_equal(first, BatchMarket(described, 2).reset(SEEDS))
    batch.step(action)


def overflowing(size: int, choices: Sequence[int] = ()) -> CompiledPolicy:
    """Return a policy whose finite weights overflow: its outputs are infinite."""
    outputs = sum(choices) or 4
    network = MultilayerPerceptron((size, outputs), choices)
    weights = np.full(network.parameter_count, 3e38, np.float32)
    return CompiledPolicy(network, weights)


@pytest.mark.parametrize("discrete", [False, True])
def test_the_action_of_a_compiled_policy_is_the_policys(discrete: bool) -> None:
    choices = num_choices_of(LimitGrid().space)
    assert choices is not None
    policy = overflowing(environment().observation_size, choices.tolist() if discrete else ())
    group = Group("net", policy, 2, action=LimitGrid() if discrete else None)
    with pytest.raises(NonFiniteError, match=r"^the action of population\.net's policy is not finite: market 0, group"):
        play(environment([Group("noise", ZeroIntelligence(), 4), group]))


@trader
def choose_nan(public, seat, params):  # type: ignore[no-untyped-def]
    seat.agent.action[2] = np.nan if public.step == STEP else 0.0
    return DECODE


@dataclass(frozen=True)
class ChoosesNaN:
    trader = choose_nan
    traits = Traits(observes=True)

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        return ()


def test_an_action_that_a_trader_chooses_is_named_with_its_number() -> None:
    groups = [Group("noise", ZeroIntelligence(), 4), Group("own", ChoosesNaN(), 1)]
    complaint = rf"population\.own's policy .*group own, seat 4, step {STEP}, number 2, value nan"
    with pytest.raises(NonFiniteError, match=complaint):
        play(environment(groups))


def test_an_observation_is_named_and_not_the_action_that_it_causes() -> None:
    described = observed(Part(nan_of_one_seat))
    network = MultilayerPerceptron((described.observation_size, 4))
    policy = CompiledPolicy(network, np.zeros(network.parameter_count, np.float32))
    groups = [Group("noise", ZeroIntelligence(), 4), Group("net", policy, 2)]
    with pytest.raises(NonFiniteError, match=rf"^observation\.own .*group net, seat 5, step {STEP}, number 1"):
        play(replace(described, groups=groups))


class Policy:
    """A policy whose action is NaN in one step."""

    state_size = 0

    def __init__(self) -> None:
        self.calls = 0

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        self.calls = 0

    def act(self, observation: Any, state: Any, noise: Any, mask: Any = None) -> Decision:
        action = np.zeros((len(observation), 4), np.float32)
        if self.calls == STEP:
            action[3, 1] = np.nan
        self.calls += 1
        return Decision(action, state, {})


def test_a_sampler_names_the_policy_the_iteration_and_the_market_of_the_run() -> None:
    batch = BatchMarket(environment(), 2)
    sampler = Sampler(batch, {"outside": Policy()}, seed=1, pairs=False, shard=MarketShard(4, 6, 8))
    with pytest.raises(NonFiniteError) as raised:
        sampler.sample(6)
    assert str(raised.value) == (
        "iteration 7: the action of population.outside's policy is not finite: "
        f"market 5, group outside, seat 5, step {STEP}, number 1, value nan"
    )


def test_a_sampler_names_the_iteration_of_an_observation() -> None:
    sampler = Sampler(BatchMarket(observed(Part(nan_of_one_seat)), 2), {"outside": Quiet()}, seed=1)
    with pytest.raises(NonFiniteError, match=rf"^iteration 1: observation\.own is not finite: {OWN}$"):
        sampler.sample(0)


class Quiet(Policy):
    def act(self, observation: Any, state: Any, noise: Any, mask: Any = None) -> Decision:
        return Decision(np.zeros((len(observation), 4), np.float32), state, {})


def test_every_face_raises() -> None:
    described = observed(Part(nan_of_one_seat))
    market, focal = MarketEnv(described), FocalEnv(described, 1)
    market.reset(seed=1)
    focal.reset(seed=1)
    for _ in range(STEP - 1):
        market.step({agent: np.zeros(4, np.float32) for agent in market.agents})
        focal.step(np.zeros((2, 4), np.float32))
    with pytest.raises(NonFiniteError, match=OWN):
        market.step({agent: np.zeros(4, np.float32) for agent in market.agents})
    with pytest.raises(NonFiniteError, match=OWN):
        focal.step(np.zeros((2, 4), np.float32))
    rules = [Group("outside", ZeroIntelligence(), 6)]
    with pytest.raises(NonFiniteError, match=r"^reward\.own"):
        play_match(scored(Score(nan_reward), groups=rules), SEEDS)


@dataclass(frozen=True)
class Parameters(ZeroIntelligence):
    value: float = 0.0

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        return (1.0, self.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_parameter_that_is_not_finite_is_named_before_it_is_used(value: float) -> None:
    complaint = rf"parameter 1 of population\.own is {value}; it must be finite"
    with pytest.raises(ValueError, match=complaint):
        BatchMarket(environment([Group("own", Parameters(value=value), 2)]), 1)
    batch = BatchMarket(environment([Group("own", Parameters(), 2)]), 1)
    with pytest.raises(ValueError, match=complaint):
        batch.set_params("own", [0], (1.0, value))
