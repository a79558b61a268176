"""Follows whether a venue trades continuously, and separates the sessions before and after an interruption."""

from __future__ import annotations

from marl_market.calibration.readers.recorder import Recorder


class Interruption:
    """A halt, a call auction, or a time whose book cannot be believed."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._since_ns: int | None = None
        self._reason = ""

    @property
    def active(self) -> bool:
        """Whether there is one now."""
        return self._since_ns is not None

    def begin(self, time_ns: int, reason: str) -> None:
        """Let one begin, unless there is one already."""
        if self._since_ns is None:
            self._since_ns, self._reason = time_ns, reason

    def end(self, time_ns: int) -> None:
        """End it, if there is one: a gap in the recording."""
        if self._since_ns is not None:
            self._recorder.gap(self._since_ns, time_ns, self._reason)
            self._since_ns = None

    def forget(self) -> None:
        """Drop it without a gap, where another gap covers its time."""
        self._since_ns = None
