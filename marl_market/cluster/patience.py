"""How long a pool waits for a worker before it counts as hung."""

from __future__ import annotations

import time
from collections import deque
from statistics import median

START_SECONDS = 180.0
"""Least limit of the start of a worker: a process that imports this package, on a busy machine."""
FIRST_SECONDS = 900.0
"""Least limit of a worker's first answer, before which it may compile the market."""
SILENT_SECONDS = 60.0
"""Limit of an answer of a process, busy or not, to whether it is there; and least limit of an answer to a call."""
TIMES_USUAL = 10
"""Limit of an answer to a call, in usual durations."""
KEPT = 101
"""Latest durations of which the usual one is the median."""


class Patience:
    """Limits of waiting in seconds: those that were set, or such as follow from the calls so far."""

    def __init__(self, seconds: float = 0.0) -> None:
        """Set the limit of each wait for a process that has started and answered; 0 derives it."""
        self._seconds = seconds
        self._calls: deque[float] = deque(maxlen=KEPT)

    def note(self, seconds: float) -> None:
        """Take account of a call that took so long."""
        self._calls.append(seconds)

    def silence(self) -> float:
        """Return the limit of silence of a process that has started."""
        return self._seconds or SILENT_SECONDS

    def start(self) -> float:
        """Return the limit of the start of a process."""
        return max(self._seconds, START_SECONDS)

    def first_call(self) -> float:
        """Return the limit of a process's first answer."""
        return max(self.call(), FIRST_SECONDS)

    def call(self) -> float:
        """Return the limit of a later answer."""
        usual = TIMES_USUAL * median(self._calls) if self._calls else 0.0
        return self._seconds or max(SILENT_SECONDS, usual)


class WaitClock:
    """Seconds spent waiting; a pause of this process itself, as by Ctrl-Z, does not count."""

    def __init__(self, longest: float) -> None:
        """Count at most `longest` seconds from one reading to the next."""
        self._longest = longest
        self._last = time.monotonic()
        self._seconds = 0.0

    def restart(self) -> None:
        """Count on from now."""
        self._last = time.monotonic()

    def read(self) -> float:
        """Return the seconds so far."""
        now = time.monotonic()
        self._seconds += min(now - self._last, self._longest)
        self._last = now
        return self._seconds
