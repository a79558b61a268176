"""No learner wins the default reward by pushing the price at which its own position is marked."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from marl_market.agents.sampling.sampler import Sampler
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.evaluation.match import Match, play_match, with_policies

CONF = Path(__file__).parents[2] / "conf"
GENERATIONS, MARKETS, SESSIONS = 20, 32, 64
LARGE_STEPS = {"strategy": {"sigma": 0.1, "learning_rate": 0.05}}
"""Of the search, so that a few generations find what there is to win."""
OBSERVATION = ("book", "tape", "account", "clock")


def load(group: str, name: str, changes: dict[str, Any] | None = None) -> Any:
    config = OmegaConf.load(CONF / group / f"{name}.yaml")
    return instantiate(OmegaConf.merge(config, changes or {}), _convert_="all")


def default_reward() -> str:
    with initialize_config_dir(str(CONF), version_base=None):
        (name,) = compose("config").reward
    return str(name)


def evolved(reward: str, position_limit: float) -> Match:
    """Return a match of two seats that evolution has trained among the quickstart's scripted ones."""
    groups = [
        Group("noise", load("agent", "zero_intelligence"), 8),
        Group("makers", load("agent", "avellaneda_stoikov"), 2),
        Group("momentum", load("agent", "momentum"), 2),
        Group("focal", load("agent", "evolution_strategy", LARGE_STEPS), 2),
    ]
    market = load("market", "aapl_2012_06_21")
    action = load("action", "quotes", {"position_limit": position_limit, "farthest": 1.5, "largest": 2.0})
    observation = {name: load("observation", name)[name] for name in OBSERVATION}
    described = EnvironmentSpec(market, groups, observation, action, load("reward", reward))
    learner = groups[-1].agent.learner(described, "focal", 1)
    sampler = Sampler(BatchMarket(described, MARKETS), {"focal": learner}, 1, pairs=True)
    for generation in range(GENERATIONS):
        learner.learn(sampler.sample(generation).rollouts["focal"])
    return play_match(with_policies(described, {"focal": learner.policy()}), range(SESSIONS))


def focal(match: Match) -> tuple[float, float, float]:
    """Return the mean profits of the focal seats at the mark and if closed, in currency, and their mean position."""
    seats = match.environment.seats_of("focal")
    profits = match.profit[:, seats].mean(), match.closing_profit[:, seats].mean()
    return *map(float, profits), float(np.abs(match.position_lots[:, seats]).mean())


@pytest.mark.slow
def test_profit_at_the_mark_can_be_pushed_and_the_closing_value_shows_it() -> None:
    marked, closed, position = focal(evolved("profit", 100.0))
    assert marked > 1000
    assert closed < -1000
    assert position > 5000


@pytest.mark.slow
def test_the_default_reward_cannot_be_won_by_pushing_the_mark() -> None:
    assert default_reward() == "closing_profit"
    marked, closed, position = focal(evolved(default_reward(), 100.0))
    assert abs(marked - closed) < 100
    assert position < 1000


@pytest.mark.slow
def test_the_default_reward_is_learned() -> None:
    marked, closed, _ = focal(evolved(default_reward(), 3.0))
    assert marked > 100
    assert closed > 100
