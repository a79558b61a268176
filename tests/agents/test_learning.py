"""Every kind of learner improves in a market: trained against untrained, all others equal, on equal seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from marl_market.agents.sampling.sampler import Sampler
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.evaluation.comparison import Comparison
from marl_market.training.evaluation import evaluate_training

CONF = Path(__file__).parents[2] / "conf"
STEPS, SEEDS = 100, 64
MARKETS = 16
OFF_POLICY: dict[str, Any] = {"decisions_per_update": 32, "epsilon_decisions": 40_000}
CASES: dict[str, tuple[str, str, int, dict[str, Any]]] = {
    "ppo_limit_grid": ("ppo", "limit_grid", 25, {}),
    "ppo_market_discrete": ("ppo", "market_discrete", 15, {}),
    "appo_quotes": ("appo", "quotes", 30, {}),
    "dqn_market_discrete": ("dqn", "market_discrete", 25, OFF_POLICY),
    "snes_quotes": ("snes", "quotes", 60, {}),
    "cma_es_quotes": ("cma_es", "quotes", 60, {}),
}
"""Agent, action, iterations and what differs from the agent's yaml."""
RANGES: dict[str, dict[str, Any]] = {
    "quotes": {"farthest": 1.5, "largest": 2.0},
    "limit_grid": {"levels": [-0.5, 0.25, 0.5, 1.0, 2.0]},
}
"""Ranges whose middle hardly trades, so that an untrained policy has much to learn."""


def load(group: str, name: str, changes: dict[str, Any] | None = None) -> Any:
    config = OmegaConf.load(CONF / group / f"{name}.yaml")
    return instantiate(OmegaConf.merge(config, changes or {}), _convert_="all")


def market(agent: str, action: str, changes: dict[str, Any]) -> EnvironmentSpec:
    observation = {name: load("observation", name)[name] for name in ("book", "tape", "account", "clock")}
    spec = instantiate(
        OmegaConf.merge(
            OmegaConf.load(CONF / "market" / "aapl_2012_06_21.yaml"), {"session_steps": STEPS, "capacity": "small"}
        ),
        _convert_="all",
    )
    groups = [
        Group("noise", load("agent", "zero_intelligence"), 8),
        Group("maker", load("agent", "avellaneda_stoikov"), 1),
        Group("focal", load("agent", agent, changes), 2, action=load("action", action, RANGES.get(action))),
    ]
    return EnvironmentSpec(spec, groups, observation, load("action", "quotes"), load("reward", "profit"))


def train(case: str, seed: int = 1) -> Comparison:
    """Return the comparison of the trained with the untrained policy."""
    agent, action, iterations, changes = CASES[case]
    described = market(agent, action, changes)
    learner = described.groups[-1].agent.learner(described, "focal", seed)
    evolves = described.groups[-1].agent.traits.parameters_per == "market"
    sampler = Sampler(BatchMarket(described, MARKETS), {"focal": learner}, seed, pairs=evolves)
    untrained = learner.policy()
    for iteration in range(iterations):
        learner.learn(sampler.sample(iteration).rollouts["focal"])
    seeds = np.random.SeedSequence(99).generate_state(SEEDS, np.uint64).tolist()
    evaluation, *_ = evaluate_training(described, {"focal": untrained}, {"focal": learner.policy()}, seeds)
    return evaluation.comparisons[0]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_trained_policy_earns_more_than_the_untrained_one(case: str) -> None:
    assert train(case).verdict == "better"
