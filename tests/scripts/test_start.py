"""What a script answers before it imports what training needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SLOW = ("torch", "ray", "pandas", "wandb", "scipy", "numba", "matplotlib")
PROGRAM = (
    "import runpy, sys; script = sys.argv.pop(1); sys.argv[0] = script; sys.path.insert(0, script.rpartition('/')[0])\n"
    "try: runpy.run_path(script, run_name='__main__')\n"
    "finally: sys.stderr.write('imported: ' + ' '.join(sys.modules))"
)


def answer(folder: Path, script: str, *arguments: str) -> tuple[int, str, set[str]]:
    """Return status, text and the modules that a script has imported at its end."""
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT / "scripts" / script), *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said, _, modules = (finished.stdout + finished.stderr).rpartition("imported: ")
    return finished.returncode, said + modules, set(modules.split())


@pytest.mark.parametrize(
    ("script", "arguments", "said"),
    [
        ("train.py", ["--help"], "python scripts/train.py resume="),
        ("train.py", ["-h"], "reward         terms of the reward"),
        ("calibrate.py", ["--help"], "python scripts/train.py market=my_market"),
        ("train.py", ["--cfg", "job"], "evaluation_seeds: 64"),
        ("train.py", ["reward=[proft]"], "did you mean profit?"),
        ("train.py", ["observation=[book,tapes]"], "did you mean tape?"),
        ("train.py", ["experiment=quikstart"], "did you mean quickstart?"),
        ("train.py", ["training.iteration=3"], "did you mean training.iterations?"),
        ("train.py", ["population.ppo.agent.lr=0.1"], "did you mean population.ppo.agent.learning_rate?"),
        ("train.py", ["rewrd=[profit]"], "did you mean reward?"),
        ("train.py", ["-m", "market=aapl_2012_06_21,apl_2012_06_21"], "did you mean aapl_2012_06_21 or"),
        ("calibrate.py", ["calibration=lobstr", "path=x", "name=y"], "did you mean lobster?"),
        ("calibrate.py", ["calibration=lobster", "path=x", "name=../../x"], "it must be a file name without a path"),
        ("calibrate.py", ["calibration=lobster", "path=x", "name=aapl_2012_06_21"], "overwrite=true"),
        ("report.py", ["--help"], "folder of the run"),
        ("compare.py", ["--help"], "write one JSON object a group, variant and metric"),
        ("tournament.py", ["--help"], "environment=C group=ppo"),
        ("tournament.py", ["player=3"], "did you mean players?"),
    ],
)
def test_the_answer_comes_before_the_slow_imports(tmp_path: Path, script: str, arguments: list[str], said: str) -> None:
    status, text, modules = answer(tmp_path, script, *arguments)
    assert said in text
    assert "Traceback" not in text
    assert status == (0 if arguments[0] in ("--help", "-h", "--cfg") else 1)
    assert sorted(modules & set(SLOW)) == []
    assert list(tmp_path.iterdir()) == []


def test_the_help_describes_every_group_of_the_config(tmp_path: Path) -> None:
    _, text, _ = answer(tmp_path, "train.py", "--help")
    groups = {path.name for path in (ROOT / "conf").iterdir() if path.is_dir()} - {"calibration", "search"}
    assert sorted(group for group in groups if f"\n  {group:14} " not in text) == []
    assert len(text.splitlines()) < 100


def test_a_reader_that_stops_early_gets_no_traceback(tmp_path: Path) -> None:
    for arguments in ("--help", "--cfg job"):
        command = f"{sys.executable} {ROOT / 'scripts' / 'train.py'} {arguments} | head -1"
        finished = subprocess.run(
            command, shell=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        assert finished.stderr == ""
