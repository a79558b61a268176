"""Learners on a device that only a process of its own can have."""

import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "elsewhere" / "cases.py"


@pytest.mark.slow
def test_learners_learn_the_same_on_another_device() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CASES)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
