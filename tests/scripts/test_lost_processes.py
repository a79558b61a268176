"""Runs whose processes are killed or interrupted, as their user would see it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from marl_market.reporting.run_folder import read_metrics
from marl_market.training.checkpoint import load_checkpoint
from tests.faults.runs import session

pytestmark = pytest.mark.ray
ROOT = Path(__file__).parents[2]
TINY = (
    "training.workers=2", "training.markets=4", "training.threads=1", "training.evaluation_seeds=2",
    "training.checkpoint_every=2", "market.session_steps=20", "market.warmup_steps=10",
)  # fmt: skip
EVERYBODY = "population=all_learners"
FOR_EVER = "training.iterations=100000"
Process = subprocess.Popen[str]
Start = Callable[..., Process]
TIMES = ["seconds", "sampling_share", "env_steps_per_second", "agent_steps_per_second"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return what starts a run in a session of its own, in which Ray's processes are as well."""
    started: list[Process] = []

    def run(*overrides: str) -> Process:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "scripts" / "train.py"), *TINY, *overrides],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        for left, _ in session(process.pid):
            os.kill(left, signal.SIGKILL)
        if process.stdout is not None and not process.stdout.closed:
            process.communicate()


def wait_for_rows(process: Process, folder: Path, rows: int) -> None:
    metrics, deadline = folder / "metrics.jsonl", time.monotonic() + 400  # the first run of all compiles the market
    while process.poll() is None and not (metrics.exists() and len(metrics.read_text().splitlines()) >= rows):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def finish(process: Process) -> str:
    said, _ = process.communicate(timeout=400)
    assert process.returncode == 0, said
    return said


def wait_for_the_end(process: Process, *leaving: str) -> None:
    """Wait until nobody of its session is left but those `leaving` of themselves, some time later.

    Ray gives each worker a process group of its own.
    """
    deadline = time.monotonic() + 30
    left = [""]
    while left and time.monotonic() < deadline:
        time.sleep(0.5)
        left = [name for _, name in session(process.pid) if not name.startswith(leaving)]
    assert left == []


def same(found: Any, wanted: Any) -> None:
    """Assert that two states are equal bit for bit, whatever they consist of."""
    assert type(found) is type(wanted)
    if isinstance(found, dict):
        assert found.keys() == wanted.keys()
        for key in found:
            same(found[key], wanted[key])
    elif isinstance(found, list | tuple):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            same(one, other)
    elif hasattr(found, "__dict__") and not isinstance(found, np.ndarray):
        same(vars(found), vars(wanted))
    else:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))


def test_a_run_whose_driver_is_killed_goes_on_as_if_nothing_had_happened(tmp_path: Path, start: Start) -> None:
    killed = start(EVERYBODY, FOR_EVER, "hydra.run.dir=killed")
    wait_for_rows(killed, tmp_path / "killed", 3)
    killed.kill()
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    wait_for_the_end(killed, "ray::DashboardAgent", "ray::RuntimeEnvAgent")  # Ray's own, within a minute
    rows = len((tmp_path / "killed" / "metrics.jsonl").read_text().splitlines())
    saved = load_checkpoint(tmp_path / "killed")["done"]
    assert max(2, rows - 2) <= saved <= rows
    iterations = f"training.iterations={saved + 3}"
    said = finish(start(EVERYBODY, iterations, "resume=killed"))
    assert "sampling: 2 workers" in said
    finish(start(EVERYBODY, iterations, "hydra.run.dir=whole"))
    found, wanted = (load_checkpoint(tmp_path / name) for name in ("killed", "whole"))
    assert found["done"] == saved + 3
    same(found["learners"], wanted["learners"])
    same(found["opponents"], wanted["opponents"])
    first, second = (
        read_metrics(tmp_path / name / "metrics.jsonl").drop(columns=TIMES) for name in ("killed", "whole")
    )
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert np.isfinite(first.filter(like="loss").iloc[-1]).all()


def test_a_control_c_while_workers_sample_saves_reports_and_leaves_nobody_behind(tmp_path: Path, start: Start) -> None:
    # Evolution learns in no time, so that a run of long sessions is nearly always sampling.
    alone, long = "~population.ppo", "market.session_steps=5000"
    process = start(alone, long, FOR_EVER, "hydra.run.dir=run")
    wait_for_rows(process, tmp_path / "run", 1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said = finish(process)
    done = load_checkpoint(tmp_path / "run")["done"]
    assert f"interrupted after iteration {done} and saved; resume=" in said
    assert said.endswith("report: run/report.html\n")
    wait_for_the_end(process)


def workers_of(process: Process) -> list[int]:
    return [pid for pid, name in session(process.pid) if name.startswith("ray::Host")]


def test_the_workers_of_a_run_are_seen_while_they_live(tmp_path: Path, start: Start) -> None:
    process = start("~population.ppo", FOR_EVER, "hydra.run.dir=run")
    wait_for_rows(process, tmp_path / "run", 1)
    assert len(workers_of(process)) == 2
    assert not {os.getpgid(worker) for worker in workers_of(process)} & {process.pid}


def test_a_control_c_with_a_worker_that_hangs_saves_and_ends_within_seconds(tmp_path: Path, start: Start) -> None:
    process = start("~population.ppo", FOR_EVER, "hydra.run.dir=run")
    wait_for_rows(process, tmp_path / "run", 2)
    os.kill(workers_of(process)[0], signal.SIGSTOP)
    time.sleep(2)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    said = finish(process)
    assert time.monotonic() - begin < 60  # the evaluation and the report included
    done = load_checkpoint(tmp_path / "run")["done"]
    assert f"interrupted after iteration {done} and saved; resume=" in said
    wait_for_the_end(process)


def test_a_worker_that_hangs_is_replaced_and_the_run_is_as_if_nothing_had_happened(
    tmp_path: Path, start: Start
) -> None:
    alone = ("~population.ppo", "training.iterations=60")
    process = start(*alone, "training.worker_timeout=3", "hydra.run.dir=hung")
    wait_for_rows(process, tmp_path / "hung", 3)
    hung = workers_of(process)[0]
    os.kill(hung, signal.SIGSTOP)
    said = finish(process)
    assert f"process {hung} on " in said
    assert "; a new one takes its place and does its work again" in said
    finish(start(*alone, "hydra.run.dir=whole"))
    found, wanted = (read_metrics(tmp_path / name / "metrics.jsonl").drop(columns=TIMES) for name in ("hung", "whole"))
    pd.testing.assert_frame_equal(found, wanted, check_exact=True)
