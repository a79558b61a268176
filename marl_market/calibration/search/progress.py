"""The line that says how far a search is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TextIO

from marl_market.calibration.search.trial import Trial, ranked

EVERY = 10
"""Trials between two lines where lines cannot be written over."""


class ProgressLine:
    """Writes the best point so far and the time that is left after each trial."""

    def __init__(self, name: str, points: int, stream: TextIO) -> None:
        """Begin the line of a search of so many points, which is called by a name."""
        self._name, self._points, self._stream = name, points, stream
        self._began = time.monotonic()
        self._known: int | None = None

    def __call__(self, trials: Sequence[Trial]) -> None:
        """Write the line; on a terminal over the last one."""
        if self._known is None:
            self._known = len(trials) - 1
        over = self._stream.isatty()
        if over or len(trials) % EVERY == 0 or len(trials) == self._points:
            self._stream.write(f"\r{self.text(trials):<100}" if over else f"{self.text(trials)}\n")
            self._stream.flush()
        if over and len(trials) == self._points:
            self._stream.write("\n")

    def text(self, trials: Sequence[Trial]) -> str:
        """Return the line."""
        order = ranked(trials)
        best = f"best J {order[0].objective:.4g} at point {order[0].index}" if order else "none has succeeded"
        seconds = (time.monotonic() - self._began) / max(len(trials) - (self._known or 0), 1)
        left = seconds * (self._points - len(trials)) / 60
        return (
            f"{self._name}: point {len(trials)} of {self._points}, {best}, {seconds:.2g} s a point, {left:.0f} min left"
        )
