"""Seats of one group that learn independently."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.evolution.strategies import OpenAIES
from marl_market.agents.imitation.behavior_cloning import BehaviorCloning
from marl_market.agents.independent_learners import (
    IndependentCompiledPolicies,
    IndependentExternalPolicies,
    IndependentLearners,
    build_learner,
)
from marl_market.agents.interfaces import Learner
from marl_market.agents.rllib.algorithms.dqn import DQN
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.auxiliary.volatility import Volatility
from marl_market.agents.rollout import Rollout
from marl_market.agents.sampling.sampler import Sampler
from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.schemes import mask_size_of
from marl_market.env.population.group import Group
from marl_market.evaluation.match import play_match, with_policies
from marl_market.market.seeding import Stream, derive_seeds
from marl_market.training.identity import identity_of
from marl_market.training.pretraining import pretrain
from marl_market.training.settings import Training
from tests.agents.answers import answer
from tests.builders import actions, environment, market_spec

pytestmark = pytest.mark.usefixtures("one_torch_thread")

MARKETS, SEATS, STEPS = 4, 3, 12
AGENTS: dict[str, tuple[Any, Any]] = {
    "ppo": (PPO(hidden=(8,), epochs=1, learning_rate=0.02), None),
    "chooser": (PPO(hidden=(8,), epochs=1, learning_rate=0.02), LimitGrid()),
    "dqn": (DQN(hidden=(8,), learning_starts=0, decisions_per_update=8, batch_size=16), MarketDiscrete()),
    "lstm": (PPO(hidden=(8,), lstm_size=8, sequence_length=6, epochs=1, learning_rate=0.02), LimitGrid()),
}


def described(name: str, parameter_sharing: bool = False) -> EnvironmentSpec:
    agent, action = AGENTS[name]
    groups = [
        Group("before", PPO(hidden=(8,))),
        Group("noise", ZeroIntelligence(), 4),
        Group("focal", agent, SEATS, action=action, parameter_sharing=parameter_sharing),
    ]
    return environment(groups, spec=market_spec(session_steps=STEPS))


def new_learner(market: EnvironmentSpec, seed: int = 1) -> Learner:
    return build_learner(market, market.groups[-1], seed)


def sampled(market: EnvironmentSpec, learner: Learner, iteration: int) -> Rollout:
    before = build_learner(market, market.groups[0], 5)
    sampler = Sampler(BatchMarket(market, MARKETS), {"before": before, "focal": learner}, 1)
    return sampler.sample(iteration).rollouts["focal"]


def row_of(rollout: Rollout, seat: int) -> Rollout:
    rows = np.arange(MARKETS) * SEATS + seat
    assert rollout.has_actions
    names = ("reward", "observation", "action", "active", "terminated")
    kept: dict[str, Any] = {name: getattr(rollout, name)[:, rows] for name in names}
    extra = {name: column[:, rows] for name, column in rollout.extra.items()}
    mask = None if rollout.action_mask is None else rollout.action_mask[:, rows]
    return replace(rollout, **kept, extra=extra, action_mask=mask)


@pytest.mark.parametrize("name", AGENTS)
def test_each_seat_learns_from_its_own_rows_alone(name: str) -> None:
    market = described(name)
    learner, agent = new_learner(market), AGENTS[name][0]
    seeds = derive_seeds(1, Stream.SEAT, SEATS)
    alone = [agent.learner(market, "focal", seed) for seed in seeds]
    for iteration in range(2):
        rollout = sampled(market, learner, iteration)
        metrics = learner.learn(rollout)
        found = [each.learn(row_of(rollout, seat)) for seat, each in enumerate(alone)]
        assert metrics["total_loss"] == pytest.approx(np.mean([each["total_loss"] for each in found]))
    weights = np.concatenate([each.policy().weights for each in alone])
    # Equal but for rounding: on some processors a product of matrices rounds by how its rows lie in memory.
    np.testing.assert_allclose(learner.policy().weights, weights, rtol=0, atol=1e-5)
    assert len({part.tobytes() for part in np.split(weights, SEATS)}) == SEATS


@pytest.mark.parametrize("name", AGENTS)
def test_a_state_continues_in_another_learner(name: str) -> None:
    market = described(name)
    learner = new_learner(market)
    learner.learn(sampled(market, learner, 0))
    other = new_learner(market, seed=9)
    other.set_state(pickle.loads(pickle.dumps(learner.get_state())))
    rollout = sampled(market, learner, 1)
    assert other.learn(rollout) == learner.learn(rollout)
    np.testing.assert_array_equal(other.policy().weights, learner.policy().weights)


@pytest.mark.parametrize("name", [name for name in AGENTS if name != "lstm"])
def test_each_seat_plays_compiled_what_its_learner_would_do(name: str) -> None:
    market = described(name)
    learner = new_learner(market)
    learner.learn(sampled(market, learner, 0))
    policy = learner.policy()
    assert isinstance(policy, IndependentCompiledPolicies)
    batch = BatchMarket(with_policies(market, {"focal": policy}), MARKETS)
    batch.reset(range(MARKETS))
    scheme, seats = market.action_of("focal"), batch.markets["seat"][:, market.seats_of("focal")]
    compared = 0
    for action in actions(batch, STEPS):
        seen = seats["agent"]["observation"][..., : market.observation_size].reshape(MARKETS * SEATS, -1).copy()
        choices = mask_size_of(scheme)
        mask = seats["agent"]["mask"][..., :choices].reshape(MARKETS * SEATS, -1).copy() if choices else None
        batch.step(action)
        wanted = answer(learner, seen, None, mask).action
        np.testing.assert_allclose(
            seats["agent"]["action"][..., : scheme.size].reshape(wanted.shape), wanted, atol=1e-5
        )
        compared += np.ptp(wanted, axis=0).max() > 0
    assert compared


def test_seats_that_do_not_compile_are_asked_each_for_itself() -> None:
    market = described("lstm")
    learner, before = new_learner(market), build_learner(market, market.groups[0], 5).policy()
    learner.learn(sampled(market, learner, 0))
    policy = learner.policy()
    assert isinstance(policy, IndependentExternalPolicies)
    played = play_match(with_policies(market, {"before": before, "focal": policy}), [1, 2])
    assert np.isfinite(played.reward).all()
    swapped = IndependentExternalPolicies(policy.policies[::-1])
    other = play_match(with_policies(market, {"before": before, "focal": swapped}), [1, 2])
    assert (other.reward != played.reward).any()


def test_a_group_shares_parameters_by_default() -> None:
    assert not isinstance(new_learner(described("ppo", parameter_sharing=True)), IndependentLearners)
    one, many = (
        identity_of(described("ppo", parameter_sharing=parameter_sharing), Training(markets=MARKETS), 1)
        for parameter_sharing in (True, False)
    )
    assert {name for name in one if one[name] != many[name]} == {"population.focal.parameter_sharing"}


def test_auxiliary_heads_watch_a_group_as_a_whole() -> None:
    market = environment([Group("focal", PPO(auxiliary={"volatility": Volatility()}), 2, parameter_sharing=False)])
    with pytest.raises(
        ValueError, match=r"population\.focal\.parameter_sharing is False and its agent has auxiliary heads"
    ):
        new_learner(market)


def test_a_learner_acts_by_the_weights_of_another() -> None:
    market = described("ppo")
    learner, other = new_learner(market), new_learner(market, seed=9)
    other.set_weights(learner.get_weights())
    np.testing.assert_array_equal(other.policy().weights, learner.policy().weights)


def test_each_seat_can_begin_as_a_clone() -> None:
    agent = BehaviorCloning(PPO(hidden=(8,), epochs=1), AvellanedaStoikov(), sessions=2, gradient_steps=8)
    market = environment([Group("noise", ZeroIntelligence(), 4), Group("focal", agent, 2, parameter_sharing=False)])
    learner, untrained = new_learner(market), new_learner(market)
    found = pretrain(market, {"focal": learner}, MARKETS, 1, 1)
    assert np.isfinite(found["focal"]["clone_loss"])
    own, before = (np.split(each.policy().weights, 2) for each in (learner, untrained))
    assert all((mine != first).any() for mine, first in zip(own, before, strict=True))


def test_candidates_of_an_evolution_share_their_seats() -> None:
    agent = EvolutionStrategy((4,), OpenAIES(sigma=0.1, learning_rate=0.05))
    market = environment([Group("focal", agent, 2, parameter_sharing=False)])
    with pytest.raises(ValueError, match=r"population\.focal\.parameter_sharing is False and its agent evolves"):
        new_learner(market)
