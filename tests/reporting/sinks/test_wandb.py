from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from marl_market.evaluation.results import Evaluation
from marl_market.reporting.sinks import wandb as wandb_sink
from marl_market.reporting.sinks.wandb import WandbSink
from tests.wandb_files import history, items, records


@pytest.fixture(autouse=True)
def no_traces_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "elsewhere" / name.lower()))
    # The sink sets it offline; named here, it is set back after each test.
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "true")


def test_an_offline_run_holds_every_row_against_environment_steps(
    tmp_path: Path, row: Callable[[int], dict[str, float]], capfd: pytest.CaptureFixture[str]
) -> None:
    sink = WandbSink(
        tmp_path, "offline", "study", group="mixed", job_type="train", tags=("btc", "long"),
        config={"seed": 7, "market": {"name": "btc_usd"}},
    )  # fmt: skip
    rows = {step: row(step) for step in (1, 2, 50)}
    for step, metrics in rows.items():
        sink.log(metrics, step)
    sink.finish(None, None)

    assert capfd.readouterr() == ("", "")
    assert os.environ["WANDB_ERROR_REPORTING"] == "false"
    (run,) = (each.run for each in records(tmp_path) if each.WhichOneof("record_type") == "run")
    assert (run.project, run.run_group, run.job_type) == ("study", "mixed", "train")
    assert list(run.tags) == ["btc", "long"]
    config = items(run.config.update)
    assert (config["seed"], config["market"]) == (7, {"name": "btc_usd"})
    axes = [each.metric for each in records(tmp_path) if each.WhichOneof("record_type") == "metric"]
    assert ("*", "env_steps") in [(axis.glob_name, axis.step_metric) for axis in axes]
    written = {entry["_step"]: entry for entry in history(tmp_path)}
    assert list(written) == [1, 2, 50]
    for step, expected in rows.items():
        assert {name: value for name, value in written[step].items() if not name.startswith("_")} == expected


def test_the_results_are_tables_and_a_page(tmp_path: Path, evaluation: Evaluation) -> None:
    report = tmp_path / "report.html"
    report.write_text("<!doctype html><p>ppo: better</p>")
    sink = WandbSink(tmp_path, "offline", "study")
    sink.log({"env_steps": 10.0}, 1)
    sink.finish(evaluation, report)

    logged = {name: value for entry in history(tmp_path) for name, value in entry.items()}
    (files,) = tmp_path.glob("wandb/offline-run-*/files")
    for name in ("comparisons", "outcomes"):
        table = json.loads((files / logged[f"evaluation/{name}"]["path"]).read_text())
        assert [dict(zip(table["columns"], line, strict=True)) for line in table["data"]] == (
            evaluation.to_dict()[name]
        )
    assert (files / logged["report"]["path"]).read_text() == report.read_text()
    summary: dict[str, Any] = {}
    for each in records(tmp_path):
        if each.WhichOneof("record_type") == "summary":
            summary.update(items(each.summary.update))
    assert summary["conservation"] == {**asdict(evaluation.conservation), "holds": True}


def test_a_report_too_large_for_a_panel_is_an_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = tmp_path / "report.html"
    report.write_text("<!doctype html>" + "x" * 100)
    monkeypatch.setattr(wandb_sink, "INLINE_REPORT_BYTES", 100)
    sink = WandbSink(tmp_path, "offline", "study")
    sink.finish(None, report)
    assert not any("report" in entry for entry in history(tmp_path))
    kinds = [each.WhichOneof("record_type") for each in records(tmp_path) if "report.html" in str(each)]
    assert kinds == ["artifact"]


def test_a_value_that_is_not_finite_is_kept(tmp_path: Path) -> None:
    sink = WandbSink(tmp_path, "offline", "study")
    sink.log({"env_steps": 1.0, "learner/ppo/loss": math.nan}, 1)
    sink.finish(None, None)
    assert str(history(tmp_path)[0]["learner/ppo/loss"]).lower() == "nan"


def test_a_resumed_run_is_the_same_run(tmp_path: Path) -> None:
    names = []
    for step in (1, 2):
        sink = WandbSink(tmp_path, "offline", "study")
        assert sink._run is not None
        names.append(sink._run.id)
        sink.log({"env_steps": float(step)}, step)
        sink.finish(None, None)
    other = WandbSink(tmp_path / "other", "offline", "study")
    assert other._run is not None
    names.append(other._run.id)
    other.finish(None, None)
    assert names[0] == names[1] != names[2]


def test_a_disabled_sink_leaves_nothing(tmp_path: Path, evaluation: Evaluation) -> None:
    sink = WandbSink(tmp_path / "run", "disabled", "study")
    sink.log({"env_steps": 1.0}, 1)
    sink.finish(evaluation, tmp_path / "no-such-report.html")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", ["dryrun", "", "Online"])
def test_an_unknown_mode_is_named(tmp_path: Path, mode: str) -> None:
    with pytest.raises(ValueError, match=rf"'{mode}'; it must be one of online, offline, disabled"):
        WandbSink(tmp_path, mode, "study")


@pytest.mark.slow
def test_offline_nothing_leaves_the_machine(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-f", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace, which shows the connections a process opens, is missing or not permitted")
    trace = tmp_path / "trace"
    program = (
        "import pathlib, sys; from marl_market.reporting.sinks.wandb import WandbSink\n"
        "sink = WandbSink(pathlib.Path(sys.argv[1]), 'offline', 'study')\n"
        "sink.log({'env_steps': 1.0}, 1)\n"
        "sink.finish(None, None)"
    )
    subprocess.run(
        [strace, "-f", "-e", "trace=connect,sendto", "-o", str(trace), sys.executable, "-c", program, str(tmp_path)],
        cwd=Path(__file__).parents[3], check=True,
    )  # fmt: skip
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))
    assert "connect(" in trace.read_text()
    assert "AF_INET" not in trace.read_text()


def exit_code(folder: Path) -> int:
    (code,) = (each.exit.exit_code for each in records(folder) if each.WhichOneof("record_type") == "exit")
    return int(code)


def test_two_runs_of_one_process_keep_to_themselves_and_one_that_fails_says_so(tmp_path: Path) -> None:
    bad = WandbSink(tmp_path / "bad", "offline", "study")
    bad.log({"env_steps": 1.0}, 1)
    with WandbSink(tmp_path / "good", "offline", "study") as good:
        good.log({"env_steps": 2.0}, 1)
    with pytest.raises(RuntimeError), bad:
        raise RuntimeError
    assert [entry["env_steps"] for entry in history(tmp_path / "bad")] == [1]
    assert [entry["env_steps"] for entry in history(tmp_path / "good")] == [2]
    assert (exit_code(tmp_path / "bad"), exit_code(tmp_path / "good")) == (1, 0)


def test_a_resumed_run_loses_no_row(tmp_path: Path, evaluation: Evaluation) -> None:
    report = tmp_path / "report.html"
    report.write_text("<!doctype html>")
    steps: list[int] = []
    last: list[int] = []
    for number, wanted in enumerate(((1, 2, 3), (4, 5), ())):
        with WandbSink(tmp_path, "offline", "study") as sink:
            for step in wanted:
                sink.log({"env_steps": float(step)}, step)
            sink.finish(evaluation, report)
        (folder,) = tmp_path.glob("wandb/offline-run-*")
        folder.rename(tmp_path / f"session-{number}")
        (tmp_path / f"session-{number}" / "wandb").mkdir()
        moved = tmp_path / f"session-{number}" / "wandb" / "offline-run-moved"
        moved.mkdir()
        for path in (tmp_path / f"session-{number}").glob("*.wandb"):
            path.rename(moved / path.name)
        rows = history(tmp_path / f"session-{number}")
        steps += [row["_step"] for row in rows]
        last += [row["_step"] for row in rows if "report" in row]
    # Tables and report stand in the last row of their session: none takes the step of an iteration to come.
    assert steps == [1, 2, 3, 4, 5]
    assert last == [3, 5]


def test_name_notes_and_one_tag_are_kept_and_the_evaluation_is_in_the_summary(
    tmp_path: Path, evaluation: Evaluation
) -> None:
    sink = WandbSink(
        tmp_path, "offline", "study", name="quickstart seed=1", notes="why", tags="abc", entity="lab",
        config={"choice/market": "pair"},
    )  # fmt: skip
    sink.log({"env_steps": 1.0}, 1)
    sink.finish(evaluation, None)
    (run,) = (each.run for each in records(tmp_path) if each.WhichOneof("record_type") == "run")
    assert (run.display_name, run.notes, list(run.tags), run.entity) == ("quickstart seed=1", "why", ["abc"], "lab")
    summary: dict[str, Any] = {}
    for each in records(tmp_path):
        if each.WhichOneof("record_type") == "summary":
            summary.update(items(each.summary.update))
    for comparison in evaluation.comparisons:
        assert summary[f"evaluation/{comparison.group}/trained_mean"] == comparison.trained_mean
    (folder,) = tmp_path.glob("wandb/offline-run-*")
    assert sink.describe() == f"W&B: wandb sync {folder}"
