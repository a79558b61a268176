"""A new run begins from what another has learned, under any config in which the networks have the same size."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.env.environment import EnvironmentSpec
from marl_market.market.validation import ConfigError
from marl_market.training.checkpoint import CheckpointError, load_checkpoint
from marl_market.training.settings import Training
from marl_market.training.trainer import Trainer
from tests.builders import market_spec

SIZES = Training(1, 4, 1, 1, evaluation_seeds=2)


@pytest.fixture(scope="module")
def learned(train: Callable[..., Trainer], tmp_path_factory: pytest.TempPathFactory) -> tuple[Trainer, Path]:
    folder = tmp_path_factory.mktemp("learned")
    return train(folder, iterations=2), folder


def test_every_group_begins_from_its_namesake_under_another_config(
    learned: tuple[Trainer, Path], learning: Callable[..., EnvironmentSpec], tmp_path: Path
) -> None:
    source, folder = learned
    described = learning(spec=market_spec(tick_size=0.02))
    slower = replace(described.groups[0].agent, learning_rate=1e-5)  # type: ignore[type-var]
    described = replace(described, groups=[replace(described.groups[0], agent=slower), *described.groups[1:]])
    trainer = Trainer(described, SIZES, 9, tmp_path, init_from=str(folder))
    fresh = Trainer(described, SIZES, 9, tmp_path)
    for name, policy in source.policies().items():
        np.testing.assert_array_equal(trainer.policies()[name].weights, policy.weights)
        assert not np.array_equal(fresh.policies()[name].weights, policy.weights)
    states = trainer._get_state()["learners"]
    assert [states[name]["updates"] for name in ("ppo", "dqn", "sac")] == [0, 0, 0]
    assert states["evolution"]["search"]["generation"] == 0
    saved = load_checkpoint(folder)["learners"]
    for name in ("ppo", "dqn", "sac", "appo"):
        found, wanted = (each[name]["rl_module"]["default_policy"] for each in (states, saved))
        assert all(np.array_equal(found[key], wanted[key]) for key in wanted), "critics and targets too"


def test_one_group_begins_from_the_one_that_is_named_and_the_metadata_say_so(
    learned: tuple[Trainer, Path], learning: Callable[..., EnvironmentSpec], tmp_path: Path, capsys: Any
) -> None:
    from marl_market.reporting.sinks.local import LocalSink

    source, folder = learned
    groups = [replace(learning().groups[0], name="new"), learning().groups[1]]
    trainer = Trainer(learning(groups=groups), SIZES, 9, tmp_path, init_from=f"{folder}:ppo")
    np.testing.assert_array_equal(trainer.policies()["new"].weights, source.policies()["ppo"].weights)
    trainer.run("tiny", LocalSink(tmp_path))
    assert f"population.new began from {folder}:ppo, iteration 2" in capsys.readouterr().out
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    assert metadata["init_from"] == f"new from {folder}:ppo, iteration 2"


@pytest.mark.parametrize(
    ("agent", "suffix", "said"),
    [
        (PPO(hidden=(16,)), "", r"is \(8, \d+\) there and \(16, \d+\) here"),
        (PPO(hidden=(8, 8)), ":ppo", "absent there"),
        (PPO(hidden=(8,)), ":evolution", "does not fit population.ppo|must have a group"),
        (PPO(hidden=(8,)), ":nobody", "it must have a group of those that learn"),
        (PPO(hidden=(8,), normalize_observations=True), ":ppo", "normalize_observations is True; it must be as in the"),
    ],
)
def test_what_does_not_fit_is_named(
    learned: tuple[Trainer, Path],
    learning: Callable[..., EnvironmentSpec],
    tmp_path: Path,
    agent: PPO,
    suffix: str,
    said: str,
) -> None:
    groups = [replace(learning().groups[0], agent=agent), learning().groups[1]]
    with pytest.raises(ConfigError, match=rf"^init_from is [^\n]*({said})[^\n]*$"):
        Trainer(learning(groups=groups), SIZES, 1, tmp_path, init_from=f"{learned[1]}{suffix}")


def test_a_missing_run_is_named(learning: Callable[..., EnvironmentSpec], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere/checkpoint\.npz is missing"):
        Trainer(learning(), SIZES, 1, tmp_path, init_from="nowhere:ppo")
