from __future__ import annotations

import json
import math
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra.errors import InstantiationException

from marl_market.market.validation import ConfigError
from marl_market.reporting.run_folder import read_metrics
from tests.wandb_files import history, items, records

ROOT = Path(__file__).parents[2]
TRAIN = ROOT / "scripts" / "train.py"
TINY = (
    "training.iterations=2", "training.markets=4", "training.evaluation_seeds=2", "training.threads=1",
    "market.session_steps=10", "market.warmup_steps=10",
)  # fmt: skip
Output = tuple[int, str]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Output]:
    """Return what runs the script in this process, in an empty folder, and gives its status and what it printed."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend(TRAIN.parent)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    for name in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "elsewhere" / name.lower()))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "true")

    def run(*overrides: str) -> Output:
        monkeypatch.setattr(sys, "argv", [str(TRAIN), *overrides])
        status, threads = 0, torch.get_num_threads()
        try:
            runpy.run_path(str(TRAIN), run_name="__main__")
        except SystemExit as stopped:
            # Python prints the text of an exit that leaves the program, and exits with 1.
            status = stopped.code if isinstance(stopped.code, int) else 1
            sys.stderr.write(f"{stopped.code}\n")
        finally:
            torch.set_num_threads(threads)
        printed = capfd.readouterr()
        return status, printed.out + printed.err

    return run


def test_a_run_leaves_its_folder_and_says_where_the_report_is(train: Callable[..., Output]) -> None:
    status, said = train(*TINY, "name=small", "seed=3", "hydra.run.dir=runs/small")
    assert status == 0, said
    assert said.endswith("report: runs/small/report.html\n")
    folder = Path("runs/small")
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoint.npz", "choices.yaml", "config.yaml", "evaluation.json", "metadata.json", "metrics.jsonl",
        "metrics.parquet", "report.html", "scores.parquet", "tape.npz",
    ]  # fmt: skip
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert (config["seed"], config["training"]["iterations"], config["reporting"]["wandb"]) == (3, 2, "disabled")
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["market_dates"] == "2012-06-21T09:30:00.004241 to 2012-06-21T10:29:59.837447"
    assert metadata["title"] == "small"
    page = (folder / "report.html").read_text()
    assert "USD per seat and session" in page
    assert "is missing" not in page
    assert [path.name for path in Path().iterdir()] == ["runs"]


def test_a_resumed_run_goes_on_in_its_folder_and_keeps_its_config(train: Callable[..., Output], tmp_path: Path) -> None:
    assert train(*TINY, "hydra.run.dir=begun", "training.iterations=1")[0] == 0
    config = yaml.safe_load(Path("begun/config.yaml").read_text())
    status, said = train("resume=begun", "training.iterations=2")
    assert status == 0, said
    assert "resumed at iteration 1 of 2\n" in said
    assert said.endswith("report: begun/report.html\n")
    config["training"]["iterations"] = 2
    assert yaml.safe_load(Path("begun/config.yaml").read_text()) == config
    assert read_metrics(Path("begun/metrics.jsonl"))["iteration"].tolist() == [1, 2]
    assert list(Path("runs").rglob("*/*")) == []
    status, said = train("resume=begun", "seed=2", "population.noise.count=7")
    assert status == 1
    assert said.splitlines()[0] == (
        "error: resume is begun, and it holds another run: seed is 1 there and 2 here; "
        "population.noise.count is 8 there and 7 here"
    )
    assert yaml.safe_load(Path("begun/config.yaml").read_text()) == config
    status, said = train("resume=begun", "training.iterations=1")
    assert status == 1
    assert "its run has done 2 iterations; training.iterations is 1; it must be 2 or more" in said
    status, said = train(*TINY, "reward.closing_profit._target_=pandas.read_pickle")
    assert status == 1
    assert said.startswith(
        "error: reward.closing_profit._target_ is 'pandas.read_pickle'; it must be a class of marl_market"
    )


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["market=no_such"], "Could not find 'market/no_such'"),
        (["no_such=1"], "Could not override 'no_such'"),
        (["+no_such=1"], "error: EnvironmentSpec.__init__() got an unexpected keyword argument 'no_such'"),
        (["population.noise.agent.no_such=1"], "Could not override 'population.noise.agent.no_such'"),
        (
            ["+population.noise.agent.no_such=1"],
            "error: population.noise.agent: ZeroIntelligence.__init__() got an unexpected keyword argument 'no_such'",
        ),
        (
            ["+population.noise.no_such=1"],
            "error: population.noise: Group.__init__() got an unexpected keyword argument 'no_such'",
        ),
        (
            ["+reporting.no_such=1"],
            "error: reporting: Reporting.__init__() got an unexpected keyword argument 'no_such'",
        ),
        (["market.tick_size=0"], "error: market.tick_size is 0; it must be a finite number above zero"),
        (["population.ppo.agent.learning_rate=0"], "error: population.ppo.agent: PPO.learning_rate is 0; it must be"),
        (
            ["training.markets=3"],
            "error: training.markets is 3; it must be a multiple of 2: the candidates of evolution go in pairs",
        ),
        (["training.evaluation_seeds=1"], "error: training.evaluation_seeds is 1; it must be a whole number of 2"),
        (["seed=-1"], "error: seed is -1; it must be a whole number of 0 or more"),
        (["reporting.wandb=maybe"], "error: reporting.wandb is 'maybe'; it must be one of online, offline, disabled"),
        (["resume=nowhere"], "error: resume is nowhere, and nowhere/checkpoint.npz is missing"),
    ],
)
def test_a_bad_value_is_named_without_a_traceback(
    train: Callable[..., Output], overrides: list[str], said: str
) -> None:
    status, printed = train("training.threads=1", *overrides)
    assert status == 1
    assert said in printed
    assert "Traceback" not in printed
    if said.startswith("error: "):
        assert printed.splitlines()[0].startswith(said)
        assert printed.splitlines()[1:] == ["(HYDRA_FULL_ERROR=1 prints the traceback)"]
    assert not Path("nowhere").exists()


def test_the_traceback_is_there_for_the_asking(train: Callable[..., Output], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ValueError, match=r"^market\.tick_size is 0; it must be a finite number above zero$") as raised:
        train("market.tick_size=0")
    wrapped = raised.value.__cause__
    assert isinstance(wrapped, InstantiationException)
    assert isinstance(wrapped.__cause__, ConfigError)


def test_weights_and_biases_receives_metrics_tables_and_config(train: Callable[..., Output]) -> None:
    status, said = train(*TINY, "hydra.run.dir=sent", "reporting.wandb=offline", "reporting.tags=[first]")
    assert status == 0, said
    assert said.endswith("report: sent/report.html\n")
    rows = [row for row in history(Path("sent")) if "iteration" in row]
    kept = read_metrics(Path("sent/metrics.jsonl"))
    assert [row["iteration"] for row in rows] == [1, 2]
    for row, (_, metrics) in zip(rows, kept.iterrows(), strict=True):
        assert {name: row[name] for name in kept if name != "step"} == metrics.drop("step").to_dict()
        assert not any(math.isnan(value) for value in metrics)
    everything = history(Path("sent"))
    for table in ("evaluation/comparisons", "evaluation/outcomes"):
        assert any(table in row for row in everything)
    (run,) = (each.run for each in records(Path("sent")) if each.WhichOneof("record_type") == "run")
    assert (run.project, run.run_group, list(run.tags)) == ("marl_market", "train", ["first"])
    config: dict[str, Any] = items(run.config.update)
    assert config["training"]["markets"] == 4


def test_no_weights_and_biases_leaves_no_folder(train: Callable[..., Output], tmp_path: Path) -> None:
    assert train(*TINY, "hydra.run.dir=quiet", "training.iterations=1")[0] == 0
    assert not [path for path in tmp_path.rglob("*") if "wandb" in path.name]


def start(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(TRAIN), *overrides],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_an_interrupt_in_mid_run_saves_reports_and_can_be_resumed(tmp_path: Path) -> None:
    long = [*TINY, "training.iterations=100000", "hydra.run.dir=run"]
    process = start(tmp_path, *long)
    metrics = tmp_path / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if metrics.exists() and len(metrics.read_text().splitlines()) >= 3:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert said.endswith("report: run/report.html\n")
    done = int(re.findall(r"interrupted after iteration (\d+) and saved; resume=", said)[0])
    assert len(metrics.read_text().splitlines()) == done >= 3
    resumed = start(tmp_path, *TINY, "resume=run", f"training.iterations={done + 2}")
    said, _ = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, said
    assert read_metrics(metrics)["iteration"].tolist() == list(range(1, done + 3))


@pytest.mark.slow
def test_a_sweep_leaves_a_folder_with_a_report_for_each_seed(tmp_path: Path) -> None:
    sweep = start(tmp_path, "-m", "experiment=quickstart", "seed=1,2", "training.iterations=2")
    said, _ = sweep.communicate(timeout=300)
    assert sweep.returncode == 0, said
    reports = sorted(tmp_path.glob("runs/quickstart/*/*/report.html"))
    assert [path.parent.name for path in reports] == ["0", "1"]
    seeds = [yaml.safe_load((path.parent / "config.yaml").read_text())["seed"] for path in reports]
    assert seeds == [1, 2]
    assert said.count("report: runs/quickstart/") == 2


@pytest.mark.slow
def test_a_sweep_with_a_bad_value_says_so(tmp_path: Path) -> None:
    sweep = start(tmp_path, "-m", "seed=-1,-2", *TINY)
    said, _ = sweep.communicate(timeout=300)
    assert sweep.returncode == 1
    assert re.search(r"error: seed is -[12]; it must be a whole number of 0 or more", said)
    assert "2 runs: 2 failed" in said


def test_a_folder_that_holds_a_run_is_left_alone(train: Callable[..., Output]) -> None:
    Path("taken").mkdir()
    Path("taken/metrics.jsonl").write_text('{"step": 1}\n')
    status, said = train(*TINY, "seed=7", "hydra.run.dir=taken")
    assert status == 1
    assert "taken holds a run already (metrics.jsonl); go on with it by resume=" in said
    assert [path.name for path in Path("taken").iterdir()] == ["metrics.jsonl"]


def test_a_command_with_a_bad_value_leaves_no_folder(train: Callable[..., Output]) -> None:
    assert train(*TINY, "seed=-1")[0] == 1
    assert train(*TINY, "reporting.wandb=maybe")[0] == 1
    assert list(Path().iterdir()) == []


def test_a_save_that_fails_on_the_way_does_not_end_the_run(
    train: Callable[..., Output], monkeypatch: pytest.MonkeyPatch
) -> None:
    from marl_market.training import trainer

    save, calls = trainer.save_checkpoint, []

    def full_once(folder: Path, state: dict[str, Any]) -> Path:
        calls.append(state["done"])
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        return save(folder, state)

    monkeypatch.setattr(trainer, "save_checkpoint", full_once)
    status, said = train(*TINY, "training.checkpoint_every=1", "hydra.run.dir=run")
    assert status == 0, said
    assert "warning: not saved after iteration 1 ([Errno 28] No space left on device); the training goes on" in said
    assert calls == [1, 2, 2]


def test_a_full_disk_ends_a_run_in_one_line_that_says_what_is_kept(
    train: Callable[..., Output], monkeypatch: pytest.MonkeyPatch
) -> None:
    from marl_market.training import trainer

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trainer, "write_metadata", full)
    status, said = train(*TINY, "hydra.run.dir=run")
    assert status == 1
    assert (
        "error: [Errno 28] No space left on device; 2 iterations are in run/metrics.jsonl, and the last checkpoint is "
        "whole: free some disk space, then resume=run goes on from it"
    ) in said
    assert "Traceback" not in said
    assert not list(Path("run").glob("*.part"))


@pytest.mark.slow
def test_both_kinds_of_learners_get_better_in_the_quickstart(tmp_path: Path) -> None:
    begin = time.monotonic()
    process = start(tmp_path, "experiment=quickstart", "hydra.run.dir=run")
    said, _ = process.communicate(timeout=900)
    assert process.returncode == 0, said
    sys.stdout.write(f"quickstart: {time.monotonic() - begin:.0f} s in all\n")
    evaluation = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    sys.stdout.write(json.dumps(evaluation["comparisons"], indent=1))
    assert [each["group"] for each in evaluation["comparisons"]] == ["ppo", "evolution"]
    for each in evaluation["comparisons"]:
        assert each["difference_low"] > 0, each
        assert each["seeds"] >= 32
    conservation = evaluation["conservation"]
    assert conservation["sessions"] == 3 * 64
    assert (conservation["position_error_lots"], conservation["cash_error_units"]) == (0, 0)
