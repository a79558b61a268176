"""One number of a run, by the name of a metric: what a search over configs maximizes or minimizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from marl_market.evaluation.results import Evaluation
from marl_market.reporting.sinks.sink import Sink
from marl_market.reporting.summary import evaluation_scalars

LATE = "learner/"
"""Metrics that a learner may give only some iterations later, so that the first row does not show their names."""


class ObjectiveSink(Sink):
    """Keep the last value of one metric, which may be one of the evaluation."""

    def __init__(self, name: str | None, evaluation_names: Sequence[str]) -> None:
        """Keep the metric `name`, None for none; `evaluation_names` are those that the evaluation will have."""
        self._name = name
        self._evaluation_names = list(evaluation_names)
        self._metrics: dict[str, float] = {}
        self.value: float | None = None

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep the value; raises ValueError at the first row if no row and no evaluation will have the metric."""
        first = not self._metrics
        self._metrics.update(metrics)
        if self._name is not None and self._name in metrics:
            self.value = float(metrics[self._name])
        elif first and self._name and not self._name.startswith(LATE) and self._name not in self._evaluation_names:
            raise ValueError(self._unknown(self._name))

    def finish(self, evaluation: Evaluation | None, report: Path | None) -> None:
        """Keep the value of the evaluation; raises ValueError if neither it nor any row had the metric."""
        found = {**self._metrics, **(evaluation_scalars(evaluation) if evaluation else {})}
        if self._name is None:
            return
        if self._name not in found:
            raise ValueError(self._unknown(self._name))
        self.value = float(found[self._name])

    def _unknown(self, name: str) -> str:
        known = [*self._metrics, *self._evaluation_names]
        near = get_close_matches(name, known, n=4, cutoff=0.4) or sorted(known)
        return f"objective is {name}, and no metric has this name; near ones are {', '.join(near)}"
