"""Every kind of learner is cloned from a maker in a small market, and learns on from there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.imitation.behavior_cloning import BehaviorCloning
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.dqn import DQN
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.algorithms.sac import SAC
from marl_market.agents.rllib.batches.advantages import discounted_returns, values_of
from marl_market.agents.sampling.sampler import Sampler
from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.env.population.traits import Traits
from marl_market.training.pretraining import pretrain, sample_demonstrations
from tests.agents.answers import answer
from tests.builders import environment, market_spec

MARKETS = 4
QUOTES, GRID = Quotes(farthest=3.0), LimitGrid()
OFF_POLICY: dict[str, Any] = {"hidden": (16,), "learning_starts": 0, "decisions_per_update": 32, "batch_size": 32}
LEARNERS: dict[str, tuple[Any, Any]] = {
    "ppo": (PPO(hidden=(16,)), QUOTES),
    "chooser": (PPO(hidden=(16,)), GRID),
    "appo": (APPO(hidden=(16,)), QUOTES),
    "sac": (SAC(**OFF_POLICY), QUOTES),
    "dqn": (DQN(**OFF_POLICY, initial_epsilon=0.1), GRID),
    "evolution": (EvolutionStrategy((16,)), QUOTES),
    "selector": (EvolutionStrategy((16,)), GRID),
}


def described(agent: Any, action: Any) -> EnvironmentSpec:
    # Without a spread of its own, a maker's quotes differ by its position and the clock.
    expert = AvellanedaStoikov(risk_aversion=0.5)
    cloned = BehaviorCloning(
        agent, expert, sessions=3, gradient_steps=600, patience=600, minibatch_size=32, learning_rate=0.01
    )
    groups = [Group("noise", ZeroIntelligence(), 4), Group("focal", cloned, 2, action=action)]
    return environment(groups, spec=market_spec(session_steps=20))


def cloned(market: EnvironmentSpec, seed: int = 3) -> tuple[Any, dict[str, float]]:
    agent: Any = market.groups[1].agent
    learner = agent.learner(market, "focal", seed)
    return learner, pretrain(market, {"focal": learner}, MARKETS, 1, seed)["focal"]


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_comes_close_to_its_expert_and_learns_on(name: str) -> None:
    agent, action = LEARNERS[name]
    market = described(agent, action)
    learner, metrics = cloned(market)
    assert np.isfinite(list(metrics.values())).all()
    if action is QUOTES:
        assert metrics["clone_explained_variance"] > 0.5
    else:
        assert metrics["clone_accuracy"] > metrics["clone_base_rate"] + 0.1
    weights = learner.policy().weights.copy()
    sampler = Sampler(BatchMarket(market, MARKETS), {"focal": learner}, 1)
    metrics = learner.learn(sampler.sample(0).rollouts["focal"])
    assert np.isfinite(list(metrics.values())).all()
    assert (learner.policy().weights != weights).any()


def test_a_clone_explores_as_before_and_its_critic_is_fitted() -> None:
    agent, action = LEARNERS["ppo"]
    market = described(agent, action)
    learner, metrics = cloned(market)
    weights = learner.policy().weights
    np.testing.assert_array_equal(cloned(market)[0].policy().weights, weights, "the same seed gives the same clone")
    assert (cloned(market, seed=2)[0].policy().weights != weights).any()
    extra = answer(learner, np.zeros((1, market.observation_size), np.float32), None).extra
    np.testing.assert_allclose(extra["action_dist_inputs"][0, 4:], agent.initial_log_std, atol=1e-6)
    assert "clone_value_explained_variance" in metrics


def test_the_target_networks_of_a_clone_are_its_own() -> None:
    for name in ("dqn", "appo"):
        learner: Any = cloned(described(*LEARNERS[name]))[0]
        for main, target in learner.module.get_target_network_pairs():
            for parameter, copied in zip(main.parameters(), target.parameters(), strict=True):
                np.testing.assert_array_equal(parameter.detach(), copied.detach())


def test_a_policy_with_a_hidden_state_raises() -> None:
    market = described(PPO(hidden=(16,), lstm_size=4), QUOTES)
    agent: Any = market.groups[1].agent
    with pytest.raises(ValueError, match="behavior cloning needs a policy without hidden state"):
        agent.learner(market, "focal", 1)


def test_a_bad_field_raises() -> None:
    expert = AvellanedaStoikov()
    for wrong, message in (
        ({"agent": expert}, "one that learns"),
        ({"expert": PPO()}, "a scripted trader"),
        ({"sessions": 1}, "one is held out"),
        ({"gradient_steps": 0}, "above zero"),
        ({"patience": 0.5}, "a whole number above zero"),
        ({"learning_rate": 1e6}, "above zero and up to 1"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(BehaviorCloning(PPO(), expert), **wrong)
    evolved = BehaviorCloning(EvolutionStrategy(), expert)
    assert evolved.traits == Traits(observes=True, parameters_per="market")
    assert evolved.trader is EvolutionStrategy.trader


@pytest.mark.parametrize("agent", [PPO, APPO])
def test_the_critic_of_a_clone_is_fitted_with_the_discount_of_the_learner(agent: Any) -> None:
    market = described(agent(hidden=(16,), discount=0.5), QUOTES)
    cloning: Any = market.groups[1].agent
    learner = cloning.learner(market, "focal", 3)
    demonstrations, _ = sample_demonstrations(market, {"focal": cloning}, {"focal": learner}, MARKETS, 1, 3)
    metrics = learner.pretrain(demonstrations["focal"], replace(cloning.config, gradient_steps=600, patience=600))
    held_out = learner.normalization.rollout(demonstrations["focal"][-1])
    value = values_of(learner.module, held_out.observation)[:-1][held_out.active]
    returns = {discount: discounted_returns(held_out, discount)[held_out.active] for discount in (0.5, 0.99)}
    error = {discount: float(np.mean((value - wanted) ** 2)) for discount, wanted in returns.items()}
    assert metrics["clone_value_explained_variance"] == pytest.approx(1 - error[0.5] / returns[0.5].var(), abs=1e-4)
    assert error[0.99] > 2 * error[0.5]
