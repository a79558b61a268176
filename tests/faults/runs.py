"""Runs of scripts/train.py to which faults happen, and what is left of them."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from marl_market.training.checkpoint import load_checkpoint

ROOT = Path(__file__).parents[2]
# Evolution learns the same with any number of workers, bit for bit.
TINY = (
    "~population.ppo", "training.markets=4", "training.threads=1", "training.evaluation_seeds=2",
    "training.checkpoint_every=1", "market.session_steps=200", "market.warmup_steps=10",
)  # fmt: skip
FOR_EVER = "training.iterations=100000"
TIMES = ("seconds", "sampling_share", "per_second", "per_s")
PATIENCE = 300.0
Listed = list[tuple[int, str]]


class Run:
    """A process of scripts/train.py, in a session of its own, in which all of Ray's processes are as well."""

    def __init__(self, folder: Path, *overrides: str, limit: int | None = None) -> None:
        """Start a run in `folder`, or go on with it if it is one; `limit`: of its files, in bytes."""
        self.folder = folder
        where = f"resume={folder}" if (folder / "metrics.jsonl").exists() else f"hydra.run.dir={folder}"

        def prepare() -> None:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        folder.parent.mkdir(parents=True, exist_ok=True)
        self._output = folder.with_suffix(".log")
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "scripts" / "train.py"), *TINY, *overrides, where],
                cwd=folder.parent, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
                stdout=output, stderr=subprocess.STDOUT, preexec_fn=prepare,
            )  # fmt: skip

    def said(self) -> str:
        return self._output.read_text()

    def wait_for_rows(self, number: int, seconds: float = PATIENCE) -> bool:
        """Return whether the run wrote so many rows before it ended or the time was over."""
        deadline = time.monotonic() + seconds
        while len(rows(self.folder)) < number:
            if self.process.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def finish(self, seconds: float = PATIENCE) -> int | None:
        """Return the exit status, or None if the run did not end."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def members(self, *names: str) -> Listed:
        """Return process and command of those of its session that begin with a name or whose program ends with one."""
        return [(pid, args) for pid, args in session(self.process.pid) if args.startswith(names) or _ends(args, names)]

    def leaves_nobody(self, seconds: float = 60) -> bool:
        """Return whether no process of its session is left after some time."""
        deadline = time.monotonic() + seconds
        while session(self.process.pid) and time.monotonic() < deadline:
            time.sleep(0.2)
        return not session(self.process.pid)

    def end(self) -> None:
        """Kill whatever is left."""
        for pid, _ in session(self.process.pid):
            _kill(pid, signal.SIGKILL)
        self.process.wait()


def session(leader: int) -> Listed:
    """Return process and command of those of a session; Ray's workers have process groups of their own."""
    listed = subprocess.run(["ps", "-eo", "sid,pid,stat,args"], capture_output=True, text=True, check=True).stdout
    found = [row.split(maxsplit=3) for row in listed.splitlines()[1:]]
    return [(int(pid), args) for sid, pid, stat, args in found if sid == str(leader) and stat[0] != "Z"]


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return the whole rows of a run's metrics without those of time."""
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    found = [json.loads(line) for line in lines if line.endswith("\n")]
    return [{key: value for key, value in row.items() if not key.endswith(TIMES)} for row in found]


def equal(found: Any, wanted: Any) -> bool:
    """Return whether two values are equal bit for bit, whatever they consist of."""
    if type(found) is not type(wanted):
        return False
    if isinstance(found, dict):
        return found.keys() == wanted.keys() and all(equal(found[key], wanted[key]) for key in found)
    if isinstance(found, list | tuple):
        return len(found) == len(wanted) and all(map(equal, found, wanted))
    if hasattr(found, "__dict__") and not isinstance(found, np.ndarray):
        return equal(vars(found), vars(wanted))
    return bool(np.array_equal(np.asarray(found), np.asarray(wanted), equal_nan=np.asarray(found).dtype.kind == "f"))


def is_as_if_nothing_had_happened(folder: Path) -> bool:
    """Return whether a run that ended has the rows and learners of one of as many iterations without faults."""
    number = len(rows(folder))
    whole = Run(folder.with_name(f"{folder.name}_whole"), f"training.iterations={number}")
    try:
        if whole.finish() != 0:
            return False
    finally:
        whole.end()
    first, second = load_checkpoint(folder), load_checkpoint(whole.folder)
    same = all(equal(first[key], second[key]) for key in ("done", "learners", "opponents"))
    return same and equal(rows(folder), rows(whole.folder))


def goes_on(folder: Path, *overrides: str, more: int = 2) -> bool:
    """Return whether a run goes on for some iterations after its checkpoint, and ends well."""
    done = load_checkpoint(folder)["done"]
    run = Run(folder, f"training.iterations={done + more}", *overrides)
    try:
        return run.finish() == 0 and len(rows(folder)) == done + more
    finally:
        run.end()


def kill(run: Run, number: signal.Signals, choose: Callable[[Listed], tuple[int, str]], *names: str) -> int:
    """Send a signal to one of the run's processes of these names; return which."""
    pid, _ = choose(run.members(*names))
    _kill(pid, number)
    return pid


def chooser(seed: int) -> Callable[[Listed], tuple[int, str]]:
    return random.Random(seed).choice


def _ends(args: str, names: tuple[str, ...]) -> bool:
    return args.split(maxsplit=1)[0].endswith(names)


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
