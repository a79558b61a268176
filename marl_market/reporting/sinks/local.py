"""Keep the metrics of a run in its folder: a line a step while it runs, one table when it ends."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from numbers import Real
from pathlib import Path

from marl_market.evaluation.results import Evaluation
from marl_market.market.growing_file import append_line, whole_lines
from marl_market.market.whole_file import replace_file
from marl_market.reporting.run_folder import METRICS_FILE, TABLE_FILE, read_metrics, write_evaluation
from marl_market.reporting.sinks.sink import Sink


class LocalSink(Sink):
    """Append each row to `metrics.jsonl`, flushed at once, so that a killed run loses nothing it logged.

    A sink on a folder that already holds rows continues after them: a written step is never replaced, and half a line
    left by a kill is removed.
    """

    def __init__(self, folder: Path) -> None:
        """Open `folder`, made where missing; raises RunFolderError where its metrics are broken."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._path = folder / METRICS_FILE
        self._path.touch()
        self._written = set(read_metrics(self._path)["step"])
        whole_lines(self._path)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Append one row unless `step` is already written; raises ValueError naming a metric that is no number."""
        if step in self._written:
            return
        row: dict[str, float] = {"step": int(step)}
        for name, value in metrics.items():
            if name == "step" or not isinstance(value, Real):
                raise ValueError(f"metric {name!r} is {value!r}; a metric is a number under a name other than 'step'")
            row[name] = float(value)
        append_line(self._path, json.dumps(row))
        self._written.add(step)

    def finish(self, evaluation: Evaluation | None, report: Path | None) -> None:
        """Write `metrics.parquet` and, given an evaluation, `evaluation.json`; the report is already a file."""
        table = io.BytesIO()
        read_metrics(self._path).to_parquet(table, index=False)
        replace_file(self._folder / TABLE_FILE, table.getvalue())
        if evaluation is not None:
            write_evaluation(self._folder, evaluation)

    def close(self, failed: bool) -> None:
        """Leave the files as they are: each row is written when it is logged."""
