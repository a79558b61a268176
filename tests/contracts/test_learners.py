"""Each learning agent of conf/agent learns in a market, continues from its state, and its policy plays."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from marl_market.agents.interfaces import Learner, LearningAgent
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.algorithms.sac import SAC
from marl_market.agents.sampling.sampler import Sampler
from marl_market.agents.scripted.glft import GLFT
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.order_mixed import OrderMixed
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.account import Account
from marl_market.env.observations.book import Book
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.events import Events
from marl_market.env.population.group import Group
from marl_market.evaluation.match import play_match, with_policies
from tests.builders import environment, market_spec

pytestmark = pytest.mark.usefixtures("one_torch_thread")

CONF = Path(__file__).parents[2] / "conf"
ACTIONS = (Quotes(), LimitGrid(), OrderMixed())
MARKETS, STEPS = 8, 20


AUXILIARY = sorted(path.stem for path in (CONF / "auxiliary").glob("*.yaml"))


def load(name: str) -> Any:
    config = OmegaConf.load(CONF / "agent" / f"{name}.yaml")
    if "defaults" in config:  # made of others
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("config", [f"+agent@loaded={name}"]).loaded
    return instantiate(config, _convert_="all")


LEARNING = [
    path.stem
    for path in sorted((CONF / "agent").glob("*.yaml"))
    if "???" not in path.read_text() and hasattr(load(path.stem), "learner")
]
"""Agents that learn; one with a mandatory value, such as a file to replay, does not."""


def described(name: str, action: Any) -> EnvironmentSpec:
    groups = [Group("noise", ZeroIntelligence(), 6), Group("focal", load(name), 2, action=action)]
    attends = getattr(groups[1].agent, "attention", None) is not None
    parts = {"account": Account(), "book": Book(), "clock": Clock(), **({"events": Events()} if attends else {})}
    return environment(groups, spec=market_spec(session_steps=STEPS), observation=parts)


def build_learner(environment: EnvironmentSpec, seed: int = 1) -> Learner | None:
    """Return the learner of the focal group, None where it cannot learn its action."""
    agent, learner = environment.groups[1].agent, None
    assert isinstance(agent, LearningAgent)
    try:
        learner = agent.learner(environment, "focal", seed)
    except ValueError as error:
        if "population.focal learns by" not in str(error):
            raise
    return learner


def test_there_are_learning_agents() -> None:
    assert {"ppo", "appo", "dqn", "sac", "tqc", "evolution_strategy", "snes", "cma_es"} <= set(LEARNING)


def test_a_clone_is_composed_of_any_learner_and_any_expert() -> None:
    place = "agent@population.ppo.agent"
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"{place}=behavior_cloning", f"{place}.agent=sac", f"{place}.expert=glft"])
    cloned = instantiate(config.population.ppo.agent, _convert_="all")
    assert (type(cloned.agent), type(cloned.expert)) == (SAC, GLFT)


@pytest.mark.parametrize("name", AUXILIARY)
def test_every_auxiliary_task_is_learned(name: str) -> None:
    targets = instantiate(OmegaConf.load(CONF / "auxiliary" / f"{name}.yaml"), _convert_="all")
    assert list(targets) == [name]
    groups = [Group("noise", ZeroIntelligence(), 6), Group("focal", PPO(hidden=(8,), auxiliary=targets), 2)]
    market = environment(groups, spec=market_spec(session_steps=STEPS))
    learner = build_learner(market)
    assert learner is not None
    sampler = Sampler(BatchMarket(market, MARKETS), {"focal": learner}, 1)
    losses = [
        learner.learn(sampler.sample(0).rollouts["focal"])[f"auxiliary_{name}_loss"] for _ in range(5)
    ]  # the same session again and again
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", LEARNING)
def test_every_learning_agent_learns_goes_on_and_plays(name: str) -> None:
    played = 0
    for action in ACTIONS:
        market = described(name, action)
        learner = build_learner(market)
        if learner is None:
            continue
        sampler = Sampler(BatchMarket(market, MARKETS), {"focal": learner}, 1)
        before = learner.policy().weights.copy()
        metrics = [learner.learn(sampler.sample(iteration).rollouts["focal"]) for iteration in range(2)]
        assert all(np.isfinite(value) for found in metrics for value in found.values())
        other = build_learner(market, seed=9)
        assert other is not None
        other.set_state(pickle.loads(pickle.dumps(learner.get_state())))
        rollout = sampler.sample(2).rollouts["focal"]
        learner.learn(rollout)
        other.learn(rollout)
        np.testing.assert_array_equal(other.policy().weights, learner.policy().weights)
        if "replay_size" not in metrics[0]:  # a learner with a replay buffer waits until it is filled
            assert (learner.policy().weights != before).any()
        match = play_match(with_policies(market, {"focal": learner.policy()}), [1, 2])
        assert np.isfinite(match.reward).all()
        assert not match.cash_error.any()
        played += 1
    assert played, "no action that it can learn"
