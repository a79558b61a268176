"""The protocol of a sink, and several sinks as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from marl_market.evaluation.results import Evaluation


class Sink(Protocol):
    """Destination of the metrics and results of one run."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep one row of metrics; `step` counts training iterations and rises from call to call."""

    def finish(self, evaluation: Evaluation | None, report: Path | None) -> None:
        """Keep the results, None where the run has none, and close; called once, after the last `log`."""


@dataclass(frozen=True)
class FanOut:
    """Give every row and result to several sinks, in order.

    Attributes:
        sinks: receivers of every row.
    """

    sinks: Sequence[Sink]

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Give one row to every sink."""
        for sink in self.sinks:
            sink.log(metrics, step)

    def finish(self, evaluation: Evaluation | None, report: Path | None) -> None:
        """Finish every sink, also those after one that fails, and then raise its error."""
        with ExitStack() as stack:
            # A stack unwinds backwards and goes on past errors; several failures surface chained to each other.
            for sink in reversed(self.sinks):
                stack.callback(sink.finish, evaluation, report)
