from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from marl_market.env.step.opening import open_session
from marl_market.training import progress
from marl_market.training.progress import Progress, is_compiled

ROOT = Path(__file__).parents[2]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list whose last entry is the time."""
    times = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: times[-1])
    return times


def test_the_first_iteration_which_may_compile_counts_neither_in_rate_nor_in_time_left(clock: list[float]) -> None:
    stream = io.StringIO()
    line = Progress(61, 5000, stream, interval=0)
    for done, now in ((1, 30.0), (2, 31.0), (11, 50.0)):
        clock.append(now)
        line.show(done, {"ppo": 1.234, "evolution": -0.5})
    assert stream.getvalue().splitlines() == [
        "iteration 1/61  mean reward: ppo +1.23  evolution -0.50",
        "iteration 2/61  5k agent-steps/s  0:59 left  mean reward: ppo +1.23  evolution -0.50",
        "iteration 11/61  2k agent-steps/s  1:40 left  mean reward: ppo +1.23  evolution -0.50",
    ]


def test_a_resumed_run_is_measured_from_where_it_went_on(clock: list[float]) -> None:
    stream = io.StringIO()
    line = Progress(100, 1_000_000, stream, interval=0)
    for done, now in ((51, 5.0), (52, 105.0)):
        clock.append(now)
        line.show(done, {})
    assert stream.getvalue().endswith(
        "iteration 52/100  10k agent-steps/s  1:20:00 left  mean reward: no group learns\n"
    )


def test_a_file_gets_the_first_line_the_last_and_one_now_and_then(clock: list[float]) -> None:
    stream = io.StringIO()
    line = Progress(40, 10, stream, interval=10.0)
    for done in range(1, 41):
        clock.append(float(done))
        line.show(done, {})
    assert [text.split()[1] for text in stream.getvalue().splitlines()] == ["1/40", "11/40", "21/40", "31/40", "40/40"]
    assert "left" not in stream.getvalue().splitlines()[-1]


def test_a_terminal_gets_one_line_over_itself_until_something_has_to_stay(clock: list[float]) -> None:
    stream = Terminal()
    line = Progress(3, 2_000_000, stream)
    for done in (1, 2, 3):
        clock.append(float(done))
        line.show(done, {"ppo": 0.0})
    line.log("done")
    written = stream.getvalue()
    assert written.count("\n") == 2
    assert written.count("\r") == 4
    assert written.count("\x1b[K") == 4
    assert "iteration 3/3  2.0M agent-steps/s  mean reward: ppo +0.00\x1b[K\n\rdone\x1b[K\n" in written


def test_a_kernel_is_compiled_once_an_earlier_process_has_run_it(tmp_path: Path) -> None:
    program = (
        "from marl_market.exchange.random_streams import uniform\n"
        "from marl_market.training.progress import is_compiled\n"
        "print(is_compiled(uniform))"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    run = [sys.executable, "-c", program]
    assert subprocess.check_output(run, cwd=ROOT, env=environment, text=True) == "False\n"
    (tmp_path / "exchange_0").mkdir()
    (tmp_path / "exchange_0" / "random_streams.uniform-45.py311.nbi").touch()
    assert subprocess.check_output(run, cwd=ROOT, env=environment, text=True) == "True\n"


def test_numba_names_its_files_as_expected() -> None:
    from marl_market.env.batch_market import BatchMarket
    from tests.builders import environment

    BatchMarket(environment(), 1).reset([1])
    assert is_compiled(open_session)
