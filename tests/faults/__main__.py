"""Faults forced upon runs, and a table of what they survived: python -m tests.faults [DRIVER_KILLS [WORKER_KILLS]]."""

from __future__ import annotations

import random
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.faults.runs import (
    FOR_EVER,
    Run,
    chooser,
    goes_on,
    is_as_if_nothing_had_happened,
    kill,
    rows,
)

SEED = 13
WORKERS = ("training.workers=2", "training.worker_timeout=5")
Outcome = tuple[str, int, int, str]


def driver_kills(folder: Path, number: int) -> Outcome:
    """Kill the driver at random moments, resuming each time."""
    moments, lost = random.Random(SEED), 0
    for _ in range(number):
        run = Run(folder, FOR_EVER)
        before = len(rows(folder))
        started = run.wait_for_rows(before + moments.randrange(3)) or run.process.poll() is None
        try:
            run.process.wait(moments.uniform(0.0, 4.0))
        except Exception:  # as it should be: it runs until it is killed
            run.process.kill()
        lost += not started or run.finish() != -signal.SIGKILL or not run.leaves_nobody()
        run.end()
    exact = goes_on(folder) and is_as_if_nothing_had_happened(folder)
    return "kill -9 of the driver", number, lost if exact else number, f"{len(rows(folder))} rows, exact: {exact}"


def worker_faults(folder: Path, number: int, what: signal.Signals) -> Outcome:
    """Kill or stop a random worker while the run goes on, several times."""
    run, choose, lost = Run(folder, FOR_EVER, *WORKERS), chooser(SEED), 0
    try:
        for _ in range(number):
            lost += not run.wait_for_rows(len(rows(folder)) + 2)
            kill(run, what, choose, "ray::Host")
            lost += not run.wait_for_rows(len(rows(folder)) + 3)
        run.process.send_signal(signal.SIGINT)
        ended = run.finish() == 0 and run.leaves_nobody()
    finally:
        run.end()
    exact = ended and is_as_if_nothing_had_happened(folder)
    return (
        f"{what.name} to a worker",
        number,
        lost if exact else number,
        f"{len(rows(folder))} rows, exact: {exact}",
    )


def interrupt_of_a_stopped_worker(folder: Path) -> Outcome:
    """Stop a worker, then interrupt the run, as Ctrl-C does."""
    run = Run(folder, FOR_EVER, "training.workers=2")
    try:
        run.wait_for_rows(2)
        kill(run, signal.SIGSTOP, chooser(SEED), "ray::Host")
        run.process.send_signal(signal.SIGINT)
        ended = run.finish(90) == 0 and run.leaves_nobody()
    finally:
        run.end()
    exact = ended and goes_on(folder) and is_as_if_nothing_had_happened(folder)
    return "Ctrl-C with a stopped worker", 1, int(not exact), f"ended: {ended}, exact: {exact}"


def raylet_kill(folder: Path) -> Outcome:
    """Kill the raylet, then resume."""
    run = Run(folder, FOR_EVER, *WORKERS)
    try:
        run.wait_for_rows(3)
        kill(run, signal.SIGKILL, chooser(SEED), "/raylet")
        said = run.finish(120) == 1 and "is saved" in run.said() and "Traceback" not in run.said()
        said = said and run.leaves_nobody()
    finally:
        run.end()
    exact = goes_on(folder, *WORKERS) and is_as_if_nothing_had_happened(folder)
    return "kill -9 of the raylet", 1, int(not (said and exact)), f"said in one line: {said}, exact: {exact}"


def full_disk(folder: Path) -> Outcome:
    """Let the metrics of a run, then its checkpoint, reach the largest size of a file, then resume without a limit."""
    lost = 0
    for name, limit in (("metrics", 30_000), ("checkpoint", 4_000)):
        run = Run(folder / name, "training.iterations=60")
        run.wait_for_rows(3)
        run.process.kill()
        run.finish()
        run.end()
        full = Run(folder / name, "training.iterations=60", limit=limit)
        full.finish()
        full.end()
        if "Traceback" in full.said() or not (goes_on(folder / name) and is_as_if_nothing_had_happened(folder / name)):
            lost += 1
    return "disk full", 2, lost, "metrics; checkpoint"


def outcomes(folder: Path, drivers: int, workers: int) -> Iterator[Outcome]:
    yield driver_kills(folder / "drivers", drivers)
    yield worker_faults(folder / "killed", workers, signal.SIGKILL)
    yield worker_faults(folder / "stopped", max(1, workers // 3), signal.SIGSTOP)
    yield interrupt_of_a_stopped_worker(folder / "interrupted")
    yield raylet_kill(folder / "raylet")
    yield full_disk(folder / "full")


def main(drivers: int = 20, workers: int = 6) -> None:
    """Print the table, a row as soon as it is known."""
    print(f"{'fault':30} {'tried':>5} {'survived':>8} {'lost':>4}")
    lost = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, tried, failed, remark in outcomes(Path(folder), drivers, workers):
            print(f"{name:30} {tried:5} {tried - failed:8} {failed:4}  {remark}", flush=True)
            lost += failed
    sys.exit(int(lost > 0))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
