"""The progress line of a run."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TextIO

import numba

SILENCE = 15.0
"""Seconds without a line after which one says what is going on."""


class Progress:
    """Prints the progress of a run: in place on a terminal, else a line every `interval` seconds.

    Rate and time left are measured from the end of the first iteration on, which may include compilation. As a context,
    it also says what is going on whenever nothing was printed for `silence` seconds.
    """

    def __init__(
        self,
        iterations: int,
        agent_steps: int,
        stream: TextIO | None = None,
        interval: float = 10.0,
        silence: float = SILENCE,
    ) -> None:
        """Show a run of `iterations` of `agent_steps` steps of agents each."""
        self._iterations = iterations
        self._agent_steps = agent_steps
        self._stream = stream or sys.stdout
        self._interval = interval
        self._silence = silence
        self._first: tuple[int, float] | None = None
        self._printed = float("-inf")
        self._wrote = self._began = time.monotonic()
        self._stage = ""
        self._writing = threading.Lock()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._break_silence, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Print no more of what is going on."""
        self._ended.set()

    def begin(self, stage: str) -> None:
        """Note what is going on from now on."""
        self._stage, self._began = stage, time.monotonic()

    def log(self, text: str) -> None:
        """Print a line that is not overwritten."""
        self.begin(text)
        self._write(f"\r{text}\x1b[K\n" if self._stream.isatty() else f"{text}\n")

    def evaluated(self, played: int, sessions: int) -> None:
        """Print how many of the evaluation's sessions are played."""
        self.log(f"evaluation: {played} of {sessions} sessions")

    def show(self, done: int, rewards: Mapping[str, float]) -> None:
        """Print one line: iterations, rate, time left, mean reward of each learning group."""
        now, last = time.monotonic(), done >= self._iterations
        self.begin(f"iteration {min(done + 1, self._iterations)}/{self._iterations}")
        first, begin = self._first = self._first or (done, now)
        terminal = self._stream.isatty()
        if not terminal and not last and now - self._printed < self._interval:
            return
        self._printed = now
        timing = ""
        if done > first:
            seconds = max(now - begin, 1e-9) / (done - first)
            timing = f"{_short(self._agent_steps / seconds)} agent-steps/s  "
            timing += "" if last else f"{_clock(seconds * (self._iterations - done))} left  "
        scores = "  ".join(f"{name} {reward:+.2f}" for name, reward in rewards.items())
        line = f"iteration {done}/{self._iterations}  {timing}mean reward: {scores or 'no group learns'}"
        if terminal and not last:
            self._write(f"\r{line}\x1b[K")
        else:
            self.log(line)

    def _write(self, text: str) -> None:
        """Print; a reader that has gone away (`| head`) ends the lines and not the run."""
        with self._writing:
            try:
                self._stream.write(text)
                self._stream.flush()
            except BrokenPipeError:
                self._stream = Path(os.devnull).open("w")  # noqa: SIM115  # as long as the run
            self._wrote = time.monotonic()

    def _break_silence(self) -> None:
        while not self._ended.wait(min(1.0, self._silence)):
            now = time.monotonic()
            if self._stage and now - self._wrote >= self._silence:
                line = f"{self._stage}: {_clock(now - self._began)} so far"
                self._write(f"\r{line}\x1b[K" if self._stream.isatty() else f"{line}\n")


def is_compiled(kernel: Any) -> bool:
    """Return whether numba's cache holds `kernel`, for any signature."""
    name = f"{kernel.__module__.rpartition('.')[2]}.{kernel.__name__}-*.nbi"
    return any(Path(numba.config.CACHE_DIR).rglob(name))


def _clock(seconds: float) -> str:
    """Return hours, minutes and seconds as h:mm:ss or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _short(rate: float) -> str:
    """Return a rate as 950, 266k or 1.2M."""
    if rate < 1000:
        return f"{rate:.0f}"
    return f"{rate / 1e3:.0f}k" if rate < 999_500 else f"{rate / 1e6:.1f}M"
