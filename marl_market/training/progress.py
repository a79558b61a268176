"""The progress line of a run."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import numba


class Progress:
    """Prints the progress of a run: in place on a terminal, else a line every `interval` seconds.

    Rate and time left are measured from the end of the first iteration on, which may include compilation.
    """

    def __init__(
        self,
        iterations: int,
        agent_steps: int,
        stream: TextIO | None = None,
        interval: float = 10.0,
    ) -> None:
        """Show a run of `iterations` of `agent_steps` steps of agents each."""
        self._iterations = iterations
        self._agent_steps = agent_steps
        self._stream = stream or sys.stdout
        self._interval = interval
        self._first: tuple[int, float] | None = None
        self._printed = float("-inf")

    def log(self, text: str) -> None:
        """Print a line that is not overwritten."""
        self._stream.write(f"\r{text}\x1b[K\n" if self._stream.isatty() else f"{text}\n")
        self._stream.flush()

    def show(self, done: int, rewards: Mapping[str, float]) -> None:
        """Print one line: iterations, rate, time left, mean reward of each learning group."""
        now, last = time.monotonic(), done >= self._iterations
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
            self._stream.write(f"\r{line}\x1b[K")
            self._stream.flush()
        else:
            self.log(line)


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
