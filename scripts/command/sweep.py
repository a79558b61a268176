"""Sweeps: each run in a process of its own, so that none takes others along; a head line, labels, a table at the end.

Whatever launcher starts the runs, the folder of the sweep tells them what they need to know of each other:
`sweep.json` the overrides as given, `runs.jsonl` a line for each run that has ended, and `stop`, once there, that no
more are wanted. Imports nothing that is slow.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from command.console import message, short_path
from command.request import Request, request_of
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict

from marl_market.reporting.empty_folders import remove_empty, remove_unused

GIVEN_FILE, ENDED_FILE, STOP_FILE = "sweep.json", "runs.jsonl", "stop"
MEMBER = Path(__file__).with_name("member.py")
SIGNALS = {signal.SIGINT, signal.SIGTERM}
BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
POLL = 0.2
"""Seconds between two looks at a run."""
INTERRUPTED = 130
"""Exit status after an interrupt, as shells have it."""


class MemberError(RuntimeError):
    """A run of a sweep failed."""


class Sweep(Callback):
    """What is said before the first run of a sweep and after the last one."""

    current: Sweep | None = None

    def __init__(self) -> None:
        """Begin with no sweep."""
        self.folder: Path | None = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Print how many runs there will be, and turn an interrupt into the end of them all."""
        hydra, folder = config.hydra, Path(str(config.hydra.sweep.dir))
        given = list(hydra.overrides.task)
        try:
            if hydra.sweeper._target_ != BASIC:
                prepare_search(config)
            folder.mkdir(parents=True, exist_ok=True)
            write_new(folder / GIVEN_FILE, json.dumps({"overrides": given}))
        except (OSError, ValueError) as error:
            sys.exit(f"error: {error}")  # Hydra turns every other error of a callback into a warning.
        self.folder, Sweep.current = folder, self
        runs, jobs = number_of_runs(config, given), hydra.launcher.get("n_jobs", 1)
        at_once = min(
            runs or sys.maxsize,
            jobs if jobs > 0 else (os.cpu_count() or 1) + 1 + jobs,
            hydra.sweeper.get("n_jobs") or sys.maxsize,
        )
        print(f"sweep: {runs or 'several'} runs, {at_once} at once, in {short_path(self.folder)}", flush=True)
        stop_on_signal(self.folder)


def write_new(path: Path, text: str) -> None:
    """Write a file that must not exist yet."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ValueError(f"{path.parent} holds a sweep already; choose another folder by hydra.sweep.dir") from None


def prepare_search(config: DictConfig) -> None:
    """Raise ValueError unless a sweeper that optimizes has an objective; failed trials do not end its study."""
    if config.objective is None:
        raise ValueError(
            f"objective is null, and {config.hydra.sweeper._target_.rpartition('.')[2]} needs a number of each run: "
            "objective=<metric>, such as evaluation/<group>/trained_mean or group/<group>/reward"
        )
    if config.hydra.sweeper.get("max_failure_rate") == 0:
        with open_dict(config):
            config.hydra.sweeper.max_failure_rate = 1.0


def number_of_runs(config: DictConfig, given: list[str]) -> int | None:
    """Return the number of runs of a sweep; None where the sweeper finds out as it goes."""
    if config.hydra.sweeper._target_ != BASIC:
        return config.hydra.sweeper.get("n_trials")
    params = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    number = 1
    for override in OverridesParser.create().parse_overrides([*params, *given]):
        if override.is_sweep_override() and override.is_discrete_sweep():
            number *= len(list(override.sweep_string_iterator()))
    return number


def stop_on_signal(folder: Path) -> None:
    """Ask the runs of a sweep to end at the first signal, kill them at the second and the sweep at the third."""
    received: list[int] = []

    def receive(number: int, _frame: object) -> None:
        received.append(number)
        if len(received) > 2:
            os._exit(INTERRUPTED)
        if len(received) == 1:
            # No print: the signal may have come in the middle of one.
            os.write(1, b"interrupted: the runs under way save, evaluate and report; no other begins\n")
        (folder / STOP_FILE).write_text("end" if len(received) == 1 else "kill", encoding="utf-8")

    for number in SIGNALS:
        signal.signal(number, receive)


def run_member(config: DictConfig) -> float | None:
    """Train one run of a sweep in a process of its own and return its objective.

    Its end is kept in the folder of the sweep. Raises MemberError if it fails under a sweeper that optimizes: others
    take an error for the end of the sweep.
    """
    if Sweep.current is None:  # a process of the launcher: the one that began the sweep gets the same signals
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
    hydra = HydraConfig.get()
    folder, number = Path(hydra.sweep.dir), int(hydra.job.num)
    given = json.loads(text_of(folder / GIVEN_FILE) or '{"overrides": []}')["overrides"]
    overrides = list(hydra.overrides.task)
    label = " ".join((str(number), *(each for each in overrides if each not in given)))
    began = time.monotonic()
    try:
        outcome = _outcome_of(request_of(config), folder, label)
    except Exception as error:
        outcome = {"status": "failed", "error": message(error)}
    if outcome["status"] != "finished":
        remove_unused(Path(hydra.runtime.output_dir))
    row = {"number": number, "label": label, "overrides": overrides, "folder": hydra.runtime.output_dir, **outcome}
    with (folder / ENDED_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps({**row, "seconds": round(time.monotonic() - began, 1)}) + "\n")
    if outcome["status"] == "failed" and hydra.sweeper._target_ != BASIC:
        raise MemberError(f"[{label}] {outcome['error']}")
    return outcome.get("objective")


def _outcome_of(request: Request, folder: Path, label: str) -> dict[str, Any]:
    """Return how a run ended."""
    if text_of(folder / STOP_FILE):
        return {"status": "not begun", "error": "the sweep was interrupted before"}
    with tempfile.TemporaryDirectory() as place:
        answer = Path(place) / "outcome.json"
        process = subprocess.Popen(
            [sys.executable, "-u", str(MEMBER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        try:
            reader = threading.Thread(target=print_labeled, args=(process.stdout, label), daemon=True)
            reader.start()
            send(process, [json.dumps(sys.path), request.to_json(), json.dumps(str(answer))])
            status = wait(process, folder)
            reader.join(timeout=2.0)  # A process that it left behind may still hold its output.
        except BaseException:
            process.kill()
            raise
        outcome: dict[str, Any] = json.loads(text_of(answer) or "null") or {"status": "failed", "error": died(status)}
    if outcome["status"] == "failed" and text_of(folder / STOP_FILE):
        return {**outcome, "status": "interrupted"}
    return outcome


def send(process: subprocess.Popen[str], lines: list[str]) -> None:
    """Write to the input of a process, and leave it open: its end is a message of its own."""
    assert process.stdin is not None
    try:
        process.stdin.write("\n".join(lines) + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        pass  # It has died; its status says how.


def wait(process: subprocess.Popen[str], folder: Path) -> int:
    """Return the status of a process at its end; a sweep that stops passes that on."""
    passed_on = ""
    while True:
        try:
            return process.wait(POLL)
        except subprocess.TimeoutExpired:
            wanted = text_of(folder / STOP_FILE)
            if wanted != passed_on:
                process.send_signal(signal.SIGKILL if wanted == "kill" else signal.SIGINT)
                passed_on = wanted


def died(status: int) -> str:
    """Return how a process ended that gave no answer."""
    return f"its process was ended by {signal.Signals(-status).name}" if status < 0 else f"its process exited {status}"


def print_labeled(lines: Any, label: str) -> None:
    """Print each line of a run after its label, as a whole."""
    for line in lines:
        sys.stdout.write(f"[{label}] {line.rstrip()}\n")
        sys.stdout.flush()


def text_of(path: Path) -> str:
    """Return the text of a file, empty where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


@contextmanager
def summarized() -> Iterator[None]:
    """Print the table of a sweep at the end of the context, if there was one, also after an error."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if Sweep.current and Sweep.current.folder:
            close(Sweep.current.folder)


def close(folder: Path) -> None:
    """Print the table of a sweep; one that never began leaves no folder."""
    ended = rows_of(folder)
    if not ended:
        shutil.rmtree(folder, ignore_errors=True)
        remove_empty(folder.parent)
        return
    print("\n".join(table(ended)), flush=True)
    print(f"sweep: {short_path(folder)}", flush=True)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """Return how each run of a sweep ended, in order of their numbers."""
    rows = [json.loads(line) for line in text_of(folder / ENDED_FILE).splitlines()]
    return sorted(rows, key=lambda row: int(row["number"]))


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return a line for each run: its label, how it ended, its objective or why it failed, and how to go on."""
    width = max(len(row["label"]) for row in rows)
    counts = [f"{number} {status}" for status in ("finished", "interrupted", "not begun", "failed")
              if (number := sum(row["status"] == status for row in rows))]  # fmt: skip
    return ["", f"{len(rows)} runs: {', '.join(counts)}", *(f"  {row['label']:{width}}  {_end(row)}" for row in rows)]


def _end(row: dict[str, Any]) -> str:
    status, folder = row["status"], short_path(Path(row["folder"]))
    if status == "finished":
        value = row.get("objective")
        return f"finished     {'' if value is None else f'{value:.6g}  '}{folder}"
    if status == "not begun":
        again = " ".join(each for each in row["overrides"])
        return f"not begun    train.py {again}"
    saved = any(Path(row["folder"]).glob("checkpoint*"))
    rest = f"  resume={folder}" if saved else ""
    return f"{status:12} {' '.join(row.get('error', '').split())}{rest}"


def exit_status() -> int:
    """Return the exit status of a sweep, 0 without one: 1 where a run failed, 130 after an interrupt."""
    if not (Sweep.current and Sweep.current.folder):
        return 0
    folder = Sweep.current.folder
    if text_of(folder / STOP_FILE):
        return INTERRUPTED
    return int(any(row["status"] == "failed" for row in rows_of(folder)))
