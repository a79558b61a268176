"""How many threads step the markets of a process, where that is not set."""

from __future__ import annotations

import os
from pathlib import Path

import numba

MARKETS_PER_THREAD = 8
"""Fewer markets are stepped sooner than a second thread wakes up."""
CGROUPS = Path("/sys/fs/cgroup")


def automatic_threads(markets: int) -> int:
    """Return the threads for so many markets: one per core that is free and per `MARKETS_PER_THREAD`, at least one.

    A core is free that no program on this machine uses by its load average of one minute: beside busy programs each
    step waits for its slowest thread, and two threads were measured at a tenth of the speed of one.
    """
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    free = round((os.cpu_count() or 1) - busy)
    return max(1, min(available_cores(), free, markets // MARKETS_PER_THREAD))


def available_cores() -> int:
    """Return the cores that this process may use, by its affinity, cgroup, SLURM task and NUMBA_NUM_THREADS."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    slurm = os.environ.get("SLURM_CPUS_PER_TASK", "")
    cores = [float(affinity), float(numba.config.NUMBA_NUM_THREADS), _quota()]
    if slurm.isdigit():
        cores.append(float(slurm))
    return max(1, int(min(cores)))


def describe_cores() -> str:
    """Return the cores that this process may use and the machine's load, for people."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"cores: {available_cores()}{load}"


def _quota() -> float:
    """Return the cores that the cgroups of this process may use on average, infinite without a limit."""
    try:
        groups = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return float("inf")
    quotas = [float("inf")]
    for group in groups:
        _, controllers, path = group.split(":", 2)
        if controllers in ("", "cpu", "cpu,cpuacct", "cpuacct,cpu"):
            quotas += [_quota_of(folder) for folder in _folders(CGROUPS / controllers, path)]
    return min(quotas)


def _folders(root: Path, path: str) -> list[Path]:
    """Return the folder of a cgroup and those above it, up to the root, which is its own inside a container."""
    parts = [part for part in path.split("/") if part]
    return [root.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]


def _quota_of(folder: Path) -> float:
    """Return the cores that a cgroup may use, by cgroup v2's `cpu.max` or v1's `cpu.cfs_quota_us`."""
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        return float("inf") if quota in ("max", "-1") else int(quota) / int(period)
    except (OSError, ValueError):
        return float("inf")
