"""Validation: the same sessions in every run, no influence on training, best checkpoint, early end, resumption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.inactive import Inactive
from marl_market.env.environment import EnvironmentSpec
from marl_market.evaluation.match import play_match, with_policies
from marl_market.market.seeding import Stream, derive_keys
from marl_market.reporting.run_folder import read_metrics
from marl_market.training.checkpoint import BEST_FILE, load_checkpoint
from marl_market.training.settings import Training
from marl_market.training.trainer import Trainer
from marl_market.training.validation import Progress, alone

Train = Callable[..., Trainer]
GROUPS = ("ppo", "evolution", "other", "appo", "dqn", "sac")
SIZES: dict[str, Any] = {"validate_every": 2, "validation_sessions": 3}


@pytest.fixture(scope="module")
def validated(train: Train, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trainer, Path]:
    folder = tmp_path_factory.mktemp("validated")
    return train(folder, **SIZES), folder


def test_a_validation_is_a_match_of_one_group_with_the_scripted_ones(
    validated: tuple[Trainer, Path], learning: Callable[..., EnvironmentSpec]
) -> None:
    trainer, folder = validated
    metrics = read_metrics(folder / "metrics.jsonl")
    environment = learning()
    seeds = derive_keys(0, Stream.VALIDATION, count=3).tolist()
    for name in GROUPS:
        inactive = {other: Inactive() for other in GROUPS if other != name}
        groups = [replace(each, action=None) if each.name in inactive else each for each in environment.groups]
        agents = {**inactive, name: trainer.policies()[name]}
        match = play_match(with_policies(replace(environment, groups=groups), agents), seeds)  # type: ignore[arg-type]
        seats = environment.seats_of(name)
        assert metrics[f"validation/{name}/reward"].iloc[3] == match.reward[:, seats].mean()
        assert metrics[f"validation/{name}/closing_pnl"].iloc[3] == match.closing_profit[:, seats].mean()
        assert np.isnan(metrics[f"validation/{name}/reward"].iloc[[0, 2]]).all()
    for name in ("ppo", "evolution"):
        assert metrics[f"validation/{name}/reward"].iloc[3] != 0, "an untrained policy that never trades shows nothing"


def test_a_validation_changes_nothing_in_training(
    validated: tuple[Trainer, Path], train: Train, tmp_path: Path
) -> None:
    without = train(tmp_path)
    for name, policy in validated[0].policies().items():
        assert policy.weights.tobytes() == without.policies()[name].weights.tobytes()


def test_the_best_state_is_kept(validated: tuple[Trainer, Path]) -> None:
    _, folder = validated
    metrics = read_metrics(folder / "metrics.jsonl")
    means = metrics[[f"validation/{name}/reward" for name in GROUPS]].mean(axis=1)
    best = load_checkpoint(folder, BEST_FILE)
    assert best["done"] == int(metrics["iteration"][means.idxmax()])
    assert best["validation"]["best"] == pytest.approx(means.max())


def test_a_training_without_improvement_ends_and_is_finished(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Progress, "after", lambda self, iteration, value: Progress(1.0, 1, self.without_improvement + 1)
    )
    trainer = train(tmp_path, iterations=8, validate_every=1, validation_sessions=1, patience=3)
    assert trainer.done == 3
    assert trainer.is_finished
    assert (tmp_path / "report.html").is_file()


def test_progress_counts_validations_since_the_best() -> None:
    progress = Progress().after(2, 1.0).after(4, 0.5).after(6, 1.0)
    assert progress == Progress(1.0, 2, 2)
    assert progress.after(8, 1.5) == Progress(1.5, 8, 0)


def test_a_resumed_run_knows_its_best(validated: tuple[Trainer, Path], train: Train, tmp_path: Path) -> None:
    train(tmp_path, iterations=2, **SIZES)
    resumed = train(tmp_path, resume=True, **SIZES)
    assert resumed._validation.get_state() == validated[0]._validation.get_state()
    first, second = (read_metrics(folder / "metrics.jsonl") for folder in (tmp_path, validated[1]))
    columns = [name for name in second if name.startswith("validation/")]
    assert len(columns) == 2 * len(GROUPS)
    assert first[columns].equals(second[columns])


def test_all_other_agents_that_observe_are_inactive(learning: Callable[..., EnvironmentSpec]) -> None:
    environment = alone(learning(), "ppo")
    observing = [group.name for group in environment.groups if group.agent.traits.observes]
    assert observing == ["ppo"]
    assert [group.count for group in environment.groups] == [group.count for group in learning().groups]


def test_patience_needs_validations() -> None:
    with pytest.raises(ValueError, match=r"training.patience is 2, which counts validations"):
        Training(patience=2)
    with pytest.raises(ValueError, match=r"training.validation_sessions is 0"):
        Training(validation_sessions=0)
