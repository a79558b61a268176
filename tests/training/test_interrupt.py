"""Signals, sent to programs that train as a trainer does: a loop of steps, a save at the first signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys, time
import numba, numpy as np
from marl_market.training import interrupt
from marl_market.training.interrupt import Interrupts

interrupt.GRACE_SECONDS = 1.5

@numba.njit(nogil=True)
def spin(numbers):
    while numbers[0] >= 0:
        numbers[1] += 1

def say(text):
    print(text, flush=True)

kernel, numbers = sys.argv[1], np.zeros(2, np.int64)
numbers[0] = -1
spin(numbers)
with Interrupts(lambda: "iteration 7 is safe") as interrupts:
    if kernel == "outside":
        say("ready")
        time.sleep(20)
    with interrupts.deferred(lambda: say("saved")) as received:
        say("ready")
        numbers[0] = 0
        if kernel == "endless":
            spin(numbers)
        deadline = time.monotonic() + 20
        while not received and time.monotonic() < deadline:
            time.sleep(0.01)
        say("border")
    say("evaluating")
    time.sleep(float(sys.argv[2]))
say(f"done {received}")
"""


def start(kernel: str, evaluation: float = 0.0) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, kernel, str(evaluation)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    return process


def finish(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    try:
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    return process.returncode, said.splitlines()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("gap", [0.0, 0.05])
def test_two_signals_at_once_are_one_and_the_state_is_saved_once(number: signal.Signals, gap: float) -> None:
    process = start("none")
    process.send_signal(number)
    time.sleep(gap)
    os.killpg(process.pid, number)
    assert finish(process) == (0, ["saved", "border", "evaluating", f"done [{int(number)}]"])


def test_a_second_signal_later_ends_everything_and_says_what_is_safe() -> None:
    process = start("none", evaluation=20)
    process.send_signal(signal.SIGTERM)
    time.sleep(1.3)
    process.send_signal(signal.SIGINT)
    code, said = finish(process)
    assert code == 128 + signal.SIGINT
    assert said[:3] == ["saved", "border", "evaluating"]
    assert said[-1] == "a second signal (SIGINT) ends everything; iteration 7 is safe"


def test_the_first_signal_ends_an_endless_step_after_a_save() -> None:
    process, begin = start("endless"), time.monotonic()
    process.send_signal(signal.SIGTERM)
    code, said = finish(process)
    assert code == 128 + signal.SIGTERM
    assert time.monotonic() - begin > 1.4
    assert said[0] == "saved"
    assert said[-1].endswith("has not returned for 2 s; iteration 7 is safe")


def test_a_second_signal_ends_an_endless_step_at_once() -> None:
    process, begin = start("endless"), time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(1.2)
    process.send_signal(signal.SIGINT)
    code, said = finish(process)
    assert code == 128 + signal.SIGINT
    assert time.monotonic() - begin < 10
    assert said[-1].endswith("iteration 7 is safe")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_outside_of_the_training_the_first_signal_ends_the_program(number: signal.Signals, code: int) -> None:
    process = start("outside")
    process.send_signal(number)
    ended, said = finish(process)
    assert ended == code
    assert "border" not in said
