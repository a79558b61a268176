"""The learner protocol, for every algorithm."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.evolution.strategies import OpenAIES
from marl_market.agents.interfaces import Learner, LearningAgent
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.dqn import DQN
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.algorithms.sac import SAC
from marl_market.agents.rollout import Floats, Rollout
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.order_by_order import OrderByOrder
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.schemes import mask_size_of
from marl_market.env.population.group import External, Group
from marl_market.evaluation.match import play_match, with_policies
from tests.agents.answers import answer
from tests.builders import actions, environment, market_spec

MARKETS, SEATS, STEPS = 6, 2, 5
OFF_POLICY: dict[str, Any] = {"hidden": (8,), "learning_starts": 0, "decisions_per_update": 16, "batch_size": 32}
AGENTS: dict[str, Any] = {
    "ppo": PPO(hidden=(8,), epochs=1, learning_rate=0.01),
    "chooser": PPO(hidden=(8,), epochs=1, learning_rate=0.01),
    "appo": APPO(hidden=(8,), epochs=1, learning_rate=0.01),
    "dqn": DQN(**OFF_POLICY),
    "sac": SAC(**OFF_POLICY),
    "evolution": EvolutionStrategy((4,), OpenAIES(sigma=0.1, learning_rate=0.05, weight_decay=0.0)),
    "selector": EvolutionStrategy((4,), OpenAIES(sigma=0.1, learning_rate=0.05, weight_decay=0.0)),
}
ACTIONS = {"chooser": OrderByOrder(), "dqn": MarketDiscrete(), "selector": LimitGrid()}
INSIDE = ("evolution", "selector")


@pytest.fixture(scope="module")
def described() -> EnvironmentSpec:
    learning = [Group(name, agent, SEATS, action=ACTIONS.get(name)) for name, agent in AGENTS.items()]
    return environment([Group("noise", ZeroIntelligence(), 2), *learning], spec=market_spec(session_steps=STEPS))


def new_learner(described: EnvironmentSpec, name: str, seed: int = 1) -> Learner:
    return AGENTS[name].learner(described, name, seed)


def rollout(described: EnvironmentSpec, learner: Learner, name: str, seed: int = 0) -> Rollout:
    """Return a session of random observations and rewards."""
    random, rows = np.random.default_rng(seed), MARKETS * SEATS
    reward = random.standard_normal((STEPS, rows)).astype(np.float32)
    if name in INSIDE:
        return without_actions(reward)
    scheme = described.action_of(name)
    observation = random.standard_normal((STEPS + 1, rows, described.observation_size)).astype(np.float32)
    noise = random.standard_normal((STEPS, rows, scheme.size)).astype(np.float32)
    mask = np.ones((STEPS + 1, rows, mask_size_of(scheme)), np.uint8) if scheme.mask is not None else None
    played = [
        answer(learner, observation[step], noise[step], None if mask is None else mask[step]) for step in range(STEPS)
    ]
    extra = {key: np.stack([each.extra[key] for each in played]) for key in played[0].extra}
    active, terminated = np.ones((STEPS, rows), np.bool_), np.zeros((STEPS, rows), np.bool_)
    action = np.stack([each.action for each in played])
    return Rollout(reward, active, terminated, observation, action, mask, extra)


def without_actions(reward: Floats) -> Rollout:
    return Rollout.without_actions(reward, np.ones(reward.shape, np.bool_), np.zeros(reward.shape, np.bool_))


def test_only_what_can_learn_is_a_learning_agent() -> None:
    assert all(isinstance(agent, LearningAgent) for agent in AGENTS.values())
    assert not isinstance(ZeroIntelligence(), LearningAgent)
    assert not isinstance(External(), LearningAgent)


@pytest.mark.parametrize("name", AGENTS)
def test_initial_weights_follow_from_the_seed(described: EnvironmentSpec, name: str) -> None:
    first, again, other = (new_learner(described, name, seed).policy().weights for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("name", AGENTS)
def test_learning_changes_the_policy_and_leaves_the_one_handed_out(described: EnvironmentSpec, name: str) -> None:
    learner = new_learner(described, name)
    before = learner.policy()
    kept = before.weights.copy()
    metrics = learner.learn(rollout(described, learner, name))
    assert metrics
    assert all(np.isfinite(value) for value in metrics.values())
    assert (learner.policy().weights != kept).any()
    np.testing.assert_array_equal(before.weights, kept)


@pytest.mark.parametrize("name", AGENTS)
def test_a_state_continues_bit_for_bit_in_another_learner(described: EnvironmentSpec, name: str) -> None:
    learner = new_learner(described, name)
    learner.learn(rollout(described, learner, name, seed=1))
    state = pickle.loads(pickle.dumps(learner.get_state()))
    other = new_learner(described, name, seed=9)
    other.set_state(copy.deepcopy(state))
    np.testing.assert_array_equal(other.policy().weights, learner.policy().weights)
    for each in (learner, other):
        each.learn(rollout(described, each, name, seed=2))
    np.testing.assert_array_equal(other.policy().weights, learner.policy().weights)


@pytest.mark.parametrize("name", AGENTS)
def test_a_policy_plays_by_itself(described: EnvironmentSpec, name: str) -> None:
    policies = {each: new_learner(described, each).policy() for each in AGENTS}
    match = play_match(with_policies(described, policies), range(6))
    assert np.isfinite(match.reward).all()
    another = replace(policies[name], weights=new_learner(described, name, seed=5).policy().weights * 50)
    assert (play_match(with_policies(described, {**policies, name: another}), range(6)).reward != match.reward).any()


@pytest.mark.parametrize("name", [name for name in AGENTS if name not in INSIDE])
def test_a_policy_plays_compiled_what_its_learner_would_do(described: EnvironmentSpec, name: str) -> None:
    learner = new_learner(described, name)
    learner.learn(rollout(described, learner, name))
    groups = [
        replace(group, agent=learner.policy() if group.name == name else group.agent) for group in described.groups
    ]
    batch = BatchMarket(replace(described, groups=groups), 3)
    policy = groups[list(AGENTS).index(name) + 1].agent
    policy.write_params(batch.params, batch.param_rows[name])
    batch.reset([1, 2, 3])
    scheme, seats = described.action_of(name), batch.markets["seat"][:, described.seats_of(name)]
    compared = 0
    for action in actions(batch, STEPS):
        seen = seats["agent"]["observation"][..., : described.observation_size].reshape(3 * SEATS, -1).copy()
        mask = (
            seats["agent"]["mask"][..., : mask_size_of(scheme)].reshape(3 * SEATS, -1).copy() if scheme.mask else None
        )
        batch.step(action)
        wanted = answer(learner, seen, None, mask).action
        np.testing.assert_allclose(
            seats["agent"]["action"][..., : scheme.size].reshape(wanted.shape), wanted, atol=1e-5
        )
        compared += np.ptp(wanted, axis=0).max() > 0
    assert compared, "all seats always did the same"


def test_ppo_does_not_learn_without_actions(described: EnvironmentSpec) -> None:
    with pytest.raises(TypeError, match="rollout has no actions"):
        new_learner(described, "ppo").learn(without_actions(np.zeros((STEPS, MARKETS), np.float32)))


def test_an_evolving_group_has_no_external_actions(described: EnvironmentSpec) -> None:
    with pytest.raises(TypeError, match="plays inside the step"):
        answer(new_learner(described, "evolution"), np.zeros((1, 1), np.float32), None)


def test_every_market_carries_its_candidate_in_mirrored_pairs(described: EnvironmentSpec) -> None:
    batch = BatchMarket(described, MARKETS)
    learner = new_learner(described, "evolution")
    learner.on_episode_start(batch)
    mean = learner.policy()
    rows = batch.param_rows["evolution"]
    weights = batch.params["weight"][rows, : mean.network.parameter_count]
    mirrored = weights[0::2] + weights[1::2] - 2 * mean.weights
    np.testing.assert_allclose(mirrored, 0, atol=1e-6)
    assert len({row.tobytes() for row in weights}) == MARKETS
    seats = batch.markets["seat"]["agent"]["params_row"][:, described.seats_of("evolution")]
    np.testing.assert_array_equal(seats, np.arange(rows.start, rows.stop)[:, None].repeat(SEATS, axis=1))


def test_the_search_moves_toward_the_better_candidate_of_each_pair(described: EnvironmentSpec) -> None:
    batch = BatchMarket(described, 2)
    learner = new_learner(described, "evolution")
    learner.on_episode_start(batch)
    mean = learner.policy().weights
    candidates = batch.params["weight"][batch.param_rows["evolution"], : mean.size].copy()
    # The seats of market 1 earn more: (steps, rows), market by market.
    learner.learn(without_actions(np.array([[0, 1, 2, 3], [0, 1, 2, 3]], np.float32)))
    step, better = learner.policy().weights - mean, candidates[1] - candidates[0]
    assert (np.sign(step) == np.sign(better)).all()


def test_fitness_is_the_mean_return_of_a_markets_seats(described: EnvironmentSpec) -> None:
    learner = new_learner(described, "evolution")
    metrics = learner.learn(without_actions(np.array([[1, 2, 30, 40], [3, 4, 0, 0]], np.float32)))
    assert metrics["fitness_best"] == 35.0  # market 0: (1 + 3 + 2 + 4) / 2 = 5
    assert metrics["fitness_deviation"] == 15.0
