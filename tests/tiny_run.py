"""A run that is over in a moment: two learning groups among order flow, twelve steps a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.evolution.strategies import OpenAIES
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.dqn import DQN
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.algorithms.sac import SAC
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.reporting.sinks.local import LocalSink
from marl_market.training.settings import Training
from marl_market.training.trainer import Trainer
from tests.builders import environment

SIZES: dict[str, int] = {
    "iterations": 4, "markets": 4, "threads": 1, "checkpoint_every": 2, "evaluation_seeds": 3,
}  # fmt: skip

OFF_POLICY: dict[str, Any] = {"hidden": (8,), "learning_starts": 40, "decisions_per_update": 24, "batch_size": 16}


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread() -> None:
    torch.set_num_threads(1)


def learning_environment(**changes: Any) -> EnvironmentSpec:
    # The external groups are not neighbors, so that the sampler has to find their seats.
    groups = (
        Group("ppo", PPO(hidden=(8,), minibatch_size=32, epochs=2), 2),
        Group("noise", ZeroIntelligence(), 4),
        Group("evolution", EvolutionStrategy((4,), OpenAIES(sigma=0.1, learning_rate=0.05)), 2),
        Group("other", PPO(hidden=(8,), minibatch_size=32, epochs=2, learning_rate=0.01), 1, action=LimitGrid()),
        Group("appo", APPO(hidden=(8,), epochs=1), 1),
        Group("dqn", DQN(**OFF_POLICY), 2, action=MarketDiscrete()),
        Group("sac", SAC(**OFF_POLICY), 1),
    )
    return environment(**{"groups": groups, **changes})


@pytest.fixture(scope="session")
def learning() -> Callable[..., EnvironmentSpec]:
    return learning_environment


@pytest.fixture(scope="session")
def train() -> Callable[..., Trainer]:
    """Return a function that trains in a folder: `resume` continues there, `sizes` change those of a tiny run."""

    def run(folder: Path, seed: int = 1, resume: bool = False, changes: dict[str, Any] | None = None, **sizes: Any):  # type: ignore[no-untyped-def]
        trainer = Trainer(learning_environment(**changes or {}), Training(**{**SIZES, **sizes}), seed, folder)
        if resume:
            trainer.resume()
        trainer.run("tiny", LocalSink(folder))
        return trainer

    return run
