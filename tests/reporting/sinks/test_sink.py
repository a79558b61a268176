from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from marl_market.evaluation.results import Evaluation
from marl_market.reporting.sinks.local import LocalSink
from marl_market.reporting.sinks.sink import FanOut, Sink


class Diary:
    def __init__(self, error: Exception | None = None) -> None:
        self.entries: list[tuple[object, ...]] = []
        self.error = error

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self.entries.append((dict(metrics), step))

    def finish(self, evaluation: Evaluation | None, report: Path | None) -> None:
        self.entries.append((evaluation, report))
        if self.error:
            raise self.error


def test_every_sink_gets_every_row_and_the_end(evaluation: Evaluation) -> None:
    first, second = Diary(), Diary()
    fan_out = FanOut((first, second))
    fan_out.log({"env_steps": 10.0}, 1)
    fan_out.log({"env_steps": 20.0}, 2)
    fan_out.finish(evaluation, Path("report.html"))
    expected = [({"env_steps": 10.0}, 1), ({"env_steps": 20.0}, 2), (evaluation, Path("report.html"))]
    assert first.entries == expected
    assert second.entries == expected


def test_one_sink_that_fails_at_the_end_takes_no_other_along() -> None:
    first, last = Diary(ConnectionError("no route")), Diary()
    with pytest.raises(ConnectionError, match="no route"):
        FanOut((first, Diary(), last)).finish(None, None)
    assert last.entries == [(None, None)]


def test_sinks_nest(tmp_path: Path) -> None:
    sinks: list[Sink] = [LocalSink(tmp_path), Diary()]
    FanOut((FanOut(sinks),)).log({"env_steps": 1.0}, 1)
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1, "env_steps": 1.0}\n'
