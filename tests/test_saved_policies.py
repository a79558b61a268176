"""A policy of a run that was saved plays as it did there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from marl_market.configs import conf_folder, environment_of
from marl_market.evaluation.match import play_match, with_policies
from marl_market.evaluation.realism.populations import assess_populations
from marl_market.market.seeding import Stream, derive_keys
from marl_market.market.tape_file import load_tape, save_tape
from marl_market.market.validation import ConfigError
from marl_market.reporting.run_folder import REPORT_FILE, load_run
from marl_market.reporting.sinks.local import LocalSink
from marl_market.saved_policies import load_policy, load_populations
from marl_market.training.checkpoint import CHECKPOINT_FILE, CheckpointError, load_checkpoint, save_checkpoint
from marl_market.training.settings import Training
from marl_market.training.trainer import Trainer
from tests.conftest import one_torch_thread
from tests.evaluation.realism.test_assessment import market

__all__ = ["one_torch_thread"]

OVERRIDES = [
    "population=self_play", "market.session_steps=8", "market.warmup_steps=4", "population.ppo.agent.hidden=[8]",
    "population.ppo.agent.learning_rate=0.01", "population.past.agent.snapshot_every=1",
]  # fmt: skip


@pytest.fixture(scope="module", params=["compiled", "lstm"])
def run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, one_torch_thread: None
) -> tuple[Path, Trainer]:
    folder = tmp_path_factory.mktemp("run")
    lstm = ["+population.ppo.agent.lstm_size=4"] if request.param == "lstm" else []
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = compose("config", [*OVERRIDES, *lstm])
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True))
    sizes: dict[str, int] = {"iterations": 2, "markets": 4, "threads": 1, "evaluation_seeds": 2}
    save_tape(folder / "real.npz", market(1, seconds=60))
    trainer = Trainer(environment_of(folder), Training(**sizes, reference=str(folder / "real.npz")), 1, folder)
    trainer.run("saved", LocalSink(folder))
    return folder, trainer


def test_policies_of_learners_and_of_historical_policies_play_as_in_their_run(run: tuple[Path, Trainer]) -> None:
    folder, trainer = run
    expected = trainer.policies()
    found = {name: load_policy(folder, name) for name in expected}
    assert set(found) == {"ppo", "past"}
    for name, policy in found.items():
        np.testing.assert_array_equal(policy.weights, expected[name].weights)
    environment = trainer._environment
    rewards = [play_match(with_policies(environment, each), [1, 2]).reward for each in (found, expected)]
    np.testing.assert_array_equal(*rewards)


def test_a_saved_run_is_as_far_from_real_data_as_its_report_says(run: tuple[Path, Trainer]) -> None:
    folder, _ = run
    reported = load_run(folder).realism
    assert reported is not None
    assert list(reported) == ["background alone", "before training", "after training"]
    assert "How real is the market?" in (folder / REPORT_FILE).read_text()
    seeds = derive_keys(1, Stream.EVALUATION, count=2).tolist()
    found = assess_populations(load_populations(folder), seeds, load_tape(folder / "real.npz"))
    for name, assessment in reported.items():
        assert [row.to_json() for row in found[name].rows] == [row.to_json() for row in assessment.rows]
    assert found["background alone"].rows != found["after training"].rows


def test_an_unknown_group_a_strange_target_and_another_network_are_named(
    run: tuple[Path, Trainer], tmp_path: Path
) -> None:
    folder, _ = run
    with pytest.raises(ConfigError, match=r"group is 'makers'; it must be one of those that learn in .*: ppo, past"):
        load_policy(folder, "makers")
    with pytest.raises(CheckpointError, match="is missing"):
        load_policy(tmp_path, "ppo")
    config, state = yaml.safe_load((folder / "config.yaml").read_text()), load_checkpoint(folder)
    save_checkpoint(tmp_path, state)
    strange = {**config, "timing": {"_target_": "os.getcwd"}, "allow_targets": ["os"]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(strange))
    with pytest.raises(ConfigError, match=r"timing\._target_ is 'os\.getcwd'"):
        load_policy(tmp_path, "ppo")
    config["population"]["ppo"]["agent"]["hidden"] = [9]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(CheckpointError, match=rf"{CHECKPOINT_FILE} does not fit the config beside it: ") as raised:
        load_policy(tmp_path, "ppo")
    assert "\n" not in str(raised.value)
