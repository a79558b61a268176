"""Whatever conf/agent lists that can learn, learns in a market, goes on from its state, and plays what it learned."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from marl_market.agents.learner import Learner, LearningAgent
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.order_mixed import OrderMixed
from marl_market.env.actions.quotes import Quotes
from marl_market.env.agent import Group
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import Environment
from marl_market.env.observations.account import Account
from marl_market.env.observations.book import Book
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.events import Events
from marl_market.evaluation.match import play_match, with_policies
from marl_market.training.sampler import Sampler
from tests.builders import environment, market_spec

CONF = Path(__file__).parents[2] / "conf"
ACTIONS = (Quotes(), LimitGrid(), OrderMixed())
MARKETS, STEPS = 8, 20


def load(name: str) -> Any:
    return instantiate(OmegaConf.load(CONF / "agent" / f"{name}.yaml"), _convert_="all")


LEARNING = [
    name for name in (path.stem for path in sorted((CONF / "agent").glob("*.yaml"))) if hasattr(load(name), "learner")
]


def described(name: str, action: Any) -> Environment:
    groups = [Group("noise", ZeroIntelligence(), 6), Group("focal", load(name), 2, action=action)]
    attends = getattr(groups[1].agent, "attention", None) is not None
    parts = {"account": Account(), "book": Book(), "clock": Clock(), **({"events": Events()} if attends else {})}
    return environment(groups, spec=market_spec(session_steps=STEPS), observation=parts)


def newborn(environment: Environment, seed: int = 1) -> Learner | None:
    """Return the learner of the focal group, None where it says that its action is of the wrong kind."""
    agent, learner = environment.groups[1].agent, None
    assert isinstance(agent, LearningAgent)
    try:
        learner = agent.learner(environment, "focal", seed)
    except ValueError as error:
        if "population.focal learns by" not in str(error):
            raise
    return learner


def test_there_are_learning_agents() -> None:
    assert {"ppo", "appo", "dqn", "sac", "evolution_strategy", "snes", "cma_es"} <= set(LEARNING)


@pytest.mark.parametrize("name", LEARNING)
def test_every_learning_agent_learns_goes_on_and_plays(name: str) -> None:
    played = 0
    for action in ACTIONS:
        market = described(name, action)
        learner = newborn(market)
        if learner is None:
            continue
        sampler = Sampler(BatchMarket(market, MARKETS), {"focal": learner}, 1)
        before = learner.policy().weights.copy()
        metrics = [learner.learn(sampler.sample(iteration).experience["focal"]) for iteration in range(2)]
        assert all(np.isfinite(value) for found in metrics for value in found.values())
        other = newborn(market, seed=9)
        assert other is not None
        other.set_state(pickle.loads(pickle.dumps(learner.get_state())))
        experience = sampler.sample(2).experience["focal"]
        learner.learn(experience)
        other.learn(experience)
        np.testing.assert_array_equal(other.policy().weights, learner.policy().weights)
        if "remembered" not in metrics[0]:  # a mind with a replay buffer waits until it is filled
            assert (learner.policy().weights != before).any()
        match = play_match(with_policies(market, {"focal": learner.policy()}), [1, 2])
        assert np.isfinite(match.reward).all()
        assert not match.cash_error.any()
        played += 1
    assert played, "no action that it can learn"
