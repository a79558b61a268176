"""The protocol of a sink, and several sinks as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from marl_market.evaluation.results import Evaluation


class Sink(Protocol):
    """Destination of the metrics and results of one run; a context that closes with the run, failed where it failed."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep one row of metrics; `step` counts training iterations and rises from call to call."""

    def finish(self, evaluation: Evaluation | None, report: Path | None) -> None:
        """Keep the results, None where the run has none, and close; called once, after the last `log`."""

    def close(self, failed: bool) -> None:
        """Close what `finish` has not closed, as a run that `failed` or not."""

    def describe(self) -> str:
        """Return where the rows can be seen outside the run's folder, empty for nowhere else."""
        return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, as failed after any exception, an interrupt included."""
        self.close(failed=kind is not None)


@dataclass(frozen=True)
class FanOut(Sink):
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

    def close(self, failed: bool) -> None:
        """Close every sink, also those after one that fails, and then raise its error."""
        with ExitStack() as stack:
            for sink in reversed(self.sinks):
                stack.callback(sink.close, failed)

    def describe(self) -> str:
        """Return the descriptions of all sinks that have one."""
        return "; ".join(filter(None, (sink.describe() for sink in self.sinks)))
