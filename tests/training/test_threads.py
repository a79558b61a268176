from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from marl_market.training import threads
from marl_market.training.settings import Training
from marl_market.training.threads import automatic_threads, available_cores, describe_cores

MARKETS = 1024


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand on an idle machine of 16 cores without limits."""
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.2, 9.0, 9.0), raising=False)
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 16)
    monkeypatch.setattr(threads, "_quota", lambda: float("inf"))
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)


def test_an_idle_machine_is_used_whole() -> None:
    assert automatic_threads(MARKETS) == 16
    assert Training(markets=MARKETS, threads=0).threads == 16
    assert describe_cores() == "cores: 16, load 0.2"


@pytest.mark.parametrize(("load", "wanted"), [(0.4, 16), (4.0, 12), (14.8, 1), (16.0, 1), (40.0, 1)])
def test_cores_that_others_use_are_left_to_them(monkeypatch: pytest.MonkeyPatch, load: float, wanted: int) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    assert automatic_threads(MARKETS) == wanted


@pytest.mark.parametrize(("markets", "wanted"), [(2, 1), (8, 1), (15, 1), (16, 2), (32, 4), (128, 16)])
def test_few_markets_take_few_threads(markets: int, wanted: int) -> None:
    assert automatic_threads(markets) == wanted


def test_affinity_slurm_and_numba_limit_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 12)
    assert automatic_threads(MARKETS) == 12
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "6")
    assert automatic_threads(MARKETS) == 6
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert automatic_threads(MARKETS) == 1


@pytest.mark.parametrize(("quota", "wanted"), [(0.5, 1), (1.9, 1), (4.0, 4)])
def test_a_quota_limits_the_threads(monkeypatch: pytest.MonkeyPatch, quota: float, wanted: int) -> None:
    monkeypatch.setattr(threads, "_quota", lambda: quota)
    assert available_cores() == automatic_threads(MARKETS) == wanted


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({}, float("inf")),
        ({"cpu.max": "max 100000"}, float("inf")),
        ({"cpu.max": "250000 100000"}, 2.5),
        ({"cpu.max": "broken"}, float("inf")),
        ({"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, float("inf")),
        ({"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000"}, 0.5),
    ],
)
def test_quotas_of_both_versions_of_cgroups(tmp_path: Path, files: dict[str, str], wanted: float) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text + "\n")
    assert threads._quota_of(tmp_path) == wanted


def test_a_cgroup_is_limited_by_those_above_it() -> None:
    assert threads._folders(Path("/x"), "/a/b") == [Path("/x"), Path("/x/a"), Path("/x/a/b")]
    assert threads._folders(Path("/x"), "/") == [Path("/x")]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no taskset here")
def test_taskset_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    core = min(os.sched_getaffinity(0))
    program = f"import os; os.sched_setaffinity(0, {{{core}}})\n"
    program += "from marl_market.training.threads import available_cores; print(available_cores())"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "1\n"
