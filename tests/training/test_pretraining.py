"""A run whose learners are pretrained by behavior cloning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.imitation.behavior_cloning import BehaviorCloning
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.population.group import Group
from marl_market.reporting.run_folder import read_metrics
from marl_market.training.settings import Training
from marl_market.training.trainer import Trainer
from tests.builders import environment
from tests.tiny_run import learning_environment
from tests.training.test_trainer import same_but_for_time, weights

Train = Callable[..., Trainer]
EXPERT = AvellanedaStoikov()
CLONES = (
    Group(
        "ppo", BehaviorCloning(PPO(hidden=(8,), minibatch_size=32, epochs=1), EXPERT, sessions=2, gradient_steps=20), 2
    ),
    Group("noise", ZeroIntelligence(), 4),
    Group("evolution", BehaviorCloning(EvolutionStrategy((4,)), EXPERT, sessions=3, gradient_steps=20), 1),
    Group("untrained", PPO(hidden=(8,), minibatch_size=32, epochs=1), 1),
)
CHANGES: dict[str, Any] = {"groups": CLONES}


@pytest.fixture(scope="module")
def finished(train: Train, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trainer, Path]:
    folder = tmp_path_factory.mktemp("cloned")
    return train(folder, changes=CHANGES), folder


def test_pretrained_learners_log_their_fit_and_others_do_not(finished: tuple[Trainer, Path]) -> None:
    metrics = read_metrics(finished[1] / "metrics.jsonl")
    logged = {name for name in metrics if "/clone_" in name or "expert" in name}
    fit = ("clone_loss", "clone_explained_variance", "clone_gradient_steps", "expert_reward")
    assert logged == {
        *(f"learner/{group}/{name}" for group in ("ppo", "evolution") for name in fit),
        "learner/ppo/clone_value_explained_variance",
    }
    assert metrics["iteration"].tolist() == [1, 2, 3, 4]
    assert np.isfinite(metrics.loc[0, sorted(logged)]).all()
    assert metrics.loc[1:, sorted(logged)].isna().all(axis=None)


def test_a_resumed_run_is_not_pretrained_again(
    train: Train, finished: tuple[Trainer, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path, changes=CHANGES, iterations=2)
    (tmp_path / "evaluation.json").unlink()
    monkeypatch.setattr("marl_market.training.trainer.pretrain", None)
    resumed = train(tmp_path, changes=CHANGES, resume=True)
    assert weights(resumed) == weights(finished[0])
    same_but_for_time(tmp_path, finished[1])


def test_the_untrained_policy_is_not_pretrained(tmp_path: Path) -> None:
    trainer = Trainer(environment(CLONES), Training(markets=4, threads=1), 1, tmp_path)
    untrained = weights(trainer)
    trainer._pretrain()
    cloned = weights(trainer)
    assert {name for name in untrained if untrained[name] != cloned[name]} == {"ppo", "evolution"}
    assert {name: policy.weights.tobytes() for name, policy in trainer._untrained.items()} == untrained


def test_a_run_without_behavior_cloning_plays_no_session_more(tmp_path: Path) -> None:
    trainer = Trainer(learning_environment(), Training(markets=4, threads=1), 1, tmp_path)
    before = weights(trainer)
    assert trainer._pretrain() == {}
    assert weights(trainer) == before
