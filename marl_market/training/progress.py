"""One line that says how far a run is."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TextIO


class Progress:
    """Prints the state of a run: over itself on a terminal, else a line every `interval` seconds."""

    def __init__(self, total: int, done: int = 0, stream: TextIO | None = None, interval: float = 10.0) -> None:
        """Begin at iteration `done` of `total`."""
        self._total = total
        self._first = done
        self._stream = stream or sys.stdout
        self._interval = interval
        self._begin = time.monotonic()
        self._printed = -interval

    def show(self, done: int, agent_steps_per_second: float, rewards: Mapping[str, float]) -> None:
        """Print one line: iterations, rate, time left, mean reward of each learning group."""
        elapsed = time.monotonic() - self._begin
        terminal = self._stream.isatty()
        if not terminal and elapsed - self._printed < self._interval and done < self._total:
            return
        self._printed = elapsed
        left = elapsed / max(done - self._first, 1) * (self._total - done)
        scores = "  ".join(f"{name} {reward:+.2f}" for name, reward in rewards.items())
        line = (
            f"iteration {done}/{self._total}  {agent_steps_per_second / 1000:.0f}k agent-steps/s  "
            f"{_clock(left)} left  reward: {scores}"
        )
        self._stream.write(f"\r{line}\x1b[K" if terminal else f"{line}\n")
        self._stream.flush()

    def close(self) -> None:
        """End the line."""
        if self._stream.isatty():
            self._stream.write("\n")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
