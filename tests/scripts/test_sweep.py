"""Sweeps whose members fail in every way there is: the others lose nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from marl_market.reporting.run_folder import read_metrics
from tests.wandb_files import history, records

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
TINY = (
    "training.iterations=2", "training.markets=4", "training.evaluation_seeds=2", "training.threads=1",
    "market.session_steps=10", "market.warmup_steps=10", "hydra.sweep.dir=sweep",
)  # fmt: skip
FAULTS = """
import os
from dataclasses import dataclass
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence


@dataclass(frozen=True)
class Faulty(ZeroIntelligence):
    fault: str = ""

    def parameters(self, spec, seats):
        if self.fault == "error":
            raise AssertionError("a fault in the agent")
        if self.fault == "exit":
            raise SystemExit(3)
        if self.fault == "interrupt":
            raise KeyboardInterrupt
        if self.fault == "kill":
            os.kill(os.getpid(), 9)
        if self.fault == "file":
            open("no_such_file")
        return super().parameters(spec, seats)
"""
FAULTY = "faulty.Faulty"
Sweep = Callable[..., tuple[int, str]]


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    (tmp_path / "faulty.py").write_text(FAULTS)

    def run(*overrides: str) -> tuple[int, str]:
        finished = subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "train.py"), "-m", *TINY, *overrides],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=550,
        )  # fmt: skip
        return finished.returncode, finished.stdout

    return run


@pytest.mark.parametrize("launcher", ["hydra.launcher.n_jobs=1", "hydra.launcher.n_jobs=-1"])
def test_no_kind_of_failure_loses_another_run(tmp_path: Path, sweep: Sweep, launcher: str) -> None:
    faults = {
        "error": "AssertionError: a fault in the agent",
        "exit": "the run ended itself by SystemExit(3)",
        "interrupt": "KeyboardInterrupt",
        "kill": "its process was ended by SIGKILL",
        "file": "No such file or directory: 'no_such_file'",
    }
    status, said = sweep(
        launcher, f"population.noise.agent._target_={FAULTY}", "allow_targets=[faulty]",
        "reporting.wandb=offline", "seed=1", f"+population.noise.agent.fault={','.join(faults)},none",
    )  # fmt: skip
    assert status == 1, said
    assert said.splitlines()[0].startswith("sweep: 6 runs, ")
    assert "6 runs: 1 finished, 5 failed" in said
    assert [path.parent.name for path in (tmp_path / "sweep").glob("*/report.html")] == ["5"]
    assert read_metrics(tmp_path / "sweep" / "5" / "metrics.jsonl")["iteration"].tolist() == [1, 2]
    rows = {row["number"]: row for row in map(json.loads, (tmp_path / "sweep" / "runs.jsonl").read_text().splitlines())}
    for number, (fault, text) in enumerate(faults.items()):
        assert text in rows[number]["error"], fault
        assert re.search(rf"^  {number} \S+fault={fault} +failed +\S.*", said, re.MULTILINE)
    lines = said[: said.index("\n6 runs:")].splitlines()[1:]
    assert [line for line in lines if line and not re.match(r"\[\d \S+\] ?", line)] == []
    assert len(history(tmp_path / "sweep" / "5")) == 2
    assert [each.exit.exit_code for each in records(tmp_path / "sweep" / "5") if each.HasField("exit")] == [0]
    choices = yaml.safe_load((tmp_path / "sweep" / "5" / "choices.yaml").read_text())
    assert choices["choices"]["market"] == "aapl_2012_06_21"
    assert "seed=1" in choices["overrides"]
    folders = sorted(path.name for path in (tmp_path / "sweep").iterdir() if path.is_dir())
    assert folders == ["5"]


def test_an_interrupt_ends_a_sweep_with_every_run_reported_or_named(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / "train.py"), "-m", *TINY, "training.iterations=1000000", "seed=1,2"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    metrics = tmp_path / "sweep" / "0" / "metrics.jsonl"
    while not (metrics.exists() and metrics.read_text()) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert re.search(r"^  0 seed=1 +interrupted +resume=sweep/0$", said, re.MULTILINE), said
    assert (tmp_path / "sweep" / "0" / "report.html").exists()


def test_a_sweeper_that_optimizes_gets_the_objective(tmp_path: Path) -> None:
    program = tmp_path / "search.py"
    program.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); sys.argv[0] = {str(ROOT / 'scripts/train.py')!r}\n"
        "from hydra._internal.hydra import Hydra\n"
        "plain = Hydra.multirun\n"
        "def multirun(self, *arguments, **named):\n"
        "    found = plain(self, *arguments, **named)\n"
        "    print('objectives:', [float(each.return_value) for batch in found for each in batch])\n"
        "    return found\n"
        "Hydra.multirun = multirun\n"
        "import runpy; runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    finished = subprocess.run(
        [sys.executable, str(program), "-m", *TINY, "seed=1,2", "objective=evaluation/ppo/trained_mean"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    found = json.loads(re.findall(r"^objectives: (.*)$", finished.stdout, re.MULTILINE)[0])
    wanted = [
        next(row["trained_mean"] for row in json.loads(path.read_text())["comparisons"] if row["group"] == "ppo")
        for path in sorted((tmp_path / "sweep").glob("*/evaluation.json"))
    ]
    assert found == wanted
