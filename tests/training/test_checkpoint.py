from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.env.rewards.profit import Profit
from marl_market.training.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from marl_market.training.settings import Training
from marl_market.training.trainer import Trainer
from tests.builders import market_spec

Build = Callable[..., Trainer]


@pytest.fixture(scope="module")
def build(
    learning: Callable[..., EnvironmentSpec], train: Callable[..., Trainer], tmp_path_factory: pytest.TempPathFactory
) -> Build:
    """Return what builds a trainer for a folder in which a run of seed 1 and 4 markets was saved."""
    folder = tmp_path_factory.mktemp("saved")
    train(folder, iterations=1)

    def trainer(seed: int = 1, markets: int = 4, **changes: Any) -> Trainer:
        return Trainer(learning(**changes), Training(markets=markets, threads=1), seed, folder)

    return trainer


def test_a_run_that_is_only_longer_fits(build: Build) -> None:
    build().resume()


def test_what_differs_is_named_as_it_is_there_and_here(build: Build, learning: Callable[..., EnvironmentSpec]) -> None:
    groups = learning().groups
    more = [*groups[:1], replace(groups[1], count=5), *groups[2:]]
    renamed = [replace(groups[0], name="first"), *groups[1:]]
    other = [replace(groups[0], agent=replace(groups[0].agent, learning_rate=0.5)), *groups[1:]]  # type: ignore[type-var]
    for trainer, said in (
        (build(seed=2), "seed is 1 there and 2 here"),
        (build(markets=6), "training.markets is 4 there and 6 here"),
        (build(groups=more), "population.noise.count is 4 there and 5 here"),
        (
            build(groups=renamed),
            "population is ppo, noise, evolution, other, appo, dqn, sac there and first, noise, evolution,",
        ),
        (build(groups=other), "population.ppo.agent.learning_rate is 0.001 there and 0.5 here"),
        (build(spec=market_spec(tick_size=0.02)), "market.tick_size is 0.01 there and 0.02 here"),
        (build(reward={"profit": Profit(scale=2.0)}), "reward.profit.scale is 1.0 there and 2.0 here"),
    ):
        with pytest.raises(CheckpointError, match=re.escape(said)):
            trainer.resume()


def test_many_differences_are_counted(build: Build, learning: Callable[..., EnvironmentSpec]) -> None:
    trainer = build(groups=[Group("alone", learning().groups[1].agent)])
    with pytest.raises(CheckpointError, match=r"; and \d+ more$"):
        trainer.resume()


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=re.escape(f"{tmp_path / 'checkpoint.npz'} is missing")):
        load_checkpoint(tmp_path)


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, {"weights": list(range(100))})
    content = path.read_bytes()
    assert load_checkpoint(tmp_path) == {"weights": list(range(100))}
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    for broken in (flipped, content[:-1], content[:10], b""):
        path.write_bytes(broken)
        with pytest.raises(CheckpointError, match=re.escape(f"{path} is broken")):
            load_checkpoint(tmp_path)


def test_a_checkpoint_replaces_the_last_one_and_leaves_no_part(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {"done": 1})
    save_checkpoint(tmp_path, {"done": 2})
    assert load_checkpoint(tmp_path) == {"done": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]


def test_a_state_that_cannot_be_saved_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {"done": 1})
    with pytest.raises((AttributeError, TypeError, ValueError)):
        save_checkpoint(tmp_path, {"done": lambda: 2})
    assert load_checkpoint(tmp_path) == {"done": 1}
