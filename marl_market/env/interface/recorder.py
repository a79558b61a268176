"""The protocol of everything that records a session step by step."""

from __future__ import annotations

from typing import Protocol


class Recorder(Protocol):
    """Collect the data of the current session of one market of a batch.

    Call `open` after each reset of the batch, then `record` after each step. The data are those since the last `open`.
    """

    def open(self) -> None:
        """Begin a session with the market as its reset has left it; drop the last session's data."""

    def record(self) -> None:
        """Append the data of the last step."""
