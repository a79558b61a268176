"""A run goes on from its folder alone; its checkpoint fits it or is named in one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from marl_market.env.environment import EnvironmentSpec
from marl_market.training.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from marl_market.training.resumption import resumed_config
from marl_market.training.settings import Training
from marl_market.training.trainer import Trainer

SAVED = {
    "seed": 3, "resume": None, "training": {"iterations": 4, "markets": 8}, "allow_targets": ["stranger"],
    "population": {"ppo": {"agent": {"_target_": "A", "hidden": [8]}, "count": 2}},
    "reward": {"profit": {"weight": 1.0}},
}  # fmt: skip
COMPOSED = {
    "seed": 1, "training": {"iterations": 9, "markets": 32}, "allow_targets": [],
    "population": {"ppo": {"agent": {"_target_": "B", "hidden": [64]}, "count": 1, "latency": {"_target_": "L"}}},
    "reward": {"inventory": {"weight": 2.0}}, "objective": None,
}  # fmt: skip
CHOICES = {"reward": "inventory", "agent@population.ppo.agent": "b", "latency@population.ppo.latency": "l"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path, {})
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(SAVED))
    return tmp_path


@pytest.mark.parametrize(
    ("override", "changes"),
    [
        ("training.iterations=9", {"training": {"iterations": 9, "markets": 8}}),
        ("+objective=null", {"objective": None}),
        ("reward=[inventory]", {"reward": {"inventory": {"weight": 2.0}}}),
        ("~population.ppo.count", {"population": {"ppo": {"agent": {"_target_": "A", "hidden": [8]}}}}),
        (
            "agent@population.ppo.agent=b",
            {"population": {"ppo": {"agent": {"_target_": "B", "hidden": [64]}, "count": 2}}},
        ),
        (
            "+latency@population.ppo.latency=l",
            {"population": {"ppo": {**SAVED["population"]["ppo"], "latency": {"_target_": "L"}}}},  # type: ignore[index]
        ),
        ("hydra.run.dir=elsewhere", {}),
        ("resume=here", {}),
    ],
)
def test_a_resumed_run_has_its_own_config_and_what_is_typed(folder: Path, override: str, changes: Any) -> None:
    config = {**COMPOSED, "resume": str(folder)}
    expected = {**SAVED, "resume": str(folder), "allow_targets": []}
    assert resumed_config(config, [override], CHOICES) == {**expected, **changes}


def test_what_cannot_be_resumed_is_named(folder: Path, tmp_path: Path) -> None:
    config = {**COMPOSED, "resume": str(folder)}
    with pytest.raises(CheckpointError, match=r"^experiment=pair is given with resume=.*; give only what is to change"):
        resumed_config(config, ["experiment=pair"], CHOICES)
    for content in ("- 1", "a: [", "\0"):
        (folder / "config.yaml").write_text(content)
        with pytest.raises(CheckpointError, match=r"^resume is \S+, and \S+config\.yaml [^\n]+$"):
            resumed_config(config, [], CHOICES)
    (folder / "config.yaml").unlink()
    with pytest.raises(CheckpointError, match=r"config\.yaml cannot be read: FileNotFoundError"):
        resumed_config(config, [], CHOICES)
    with pytest.raises(CheckpointError, match=r"resume is nowhere, and nowhere/checkpoint\.npz is missing"):
        resumed_config({**config, "resume": "nowhere"}, [], CHOICES)


def test_a_checkpoint_that_lacks_a_key_or_has_another_type_is_an_error_of_one_line(
    learning: Callable[..., EnvironmentSpec], train: Callable[..., Trainer], tmp_path: Path
) -> None:
    train(tmp_path, iterations=2)
    state = load_checkpoint(tmp_path)
    wrong = [{name: value for name, value in state.items() if name != key} for key in state]
    wrong += [{**state, key: 7} for key in ("identity", "learners", "opponents", "init_from")]
    wrong += [{**state, "learners": {**state["learners"], name: {}}} for name in state["learners"]]
    wrong += [{**state, "learners": {**state["learners"], name: [1]}} for name in state["learners"]]
    wrong.append({**state, "learners": {**state["learners"], "ppo": state["learners"]["other"]}})
    wrong.append({**state, "done": "two"})
    opponents = [each for each in wrong if each.get("opponents") == 7]  # fits: there are none
    for each in wrong:
        save_checkpoint(tmp_path, each)
        trainer = Trainer(learning(), Training(4, 4, 1, 1), 1, tmp_path)
        if each in opponents:
            continue
        with pytest.raises(CheckpointError, match=r"^[^\n]*$"):
            trainer.resume()
    save_checkpoint(tmp_path, state)
    with pytest.raises(CheckpointError, match=r"run has done 2 iterations; training\.iterations is 1; it must be 2 or"):
        Trainer(learning(), Training(1, 4, 1, 1), 1, tmp_path).resume()


def test_a_resumed_run_says_where_it_goes_on(
    train: Callable[..., Trainer], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, iterations=2)
    assert "resumed" not in capsys.readouterr().out
    train(tmp_path, iterations=3, resume=True)
    assert re.search(r"^resumed at iteration 2 of 3$", capsys.readouterr().out, re.M)
