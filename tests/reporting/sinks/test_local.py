from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pytest

from marl_market.evaluation.results import Evaluation
from marl_market.reporting.run_folder import RunFolderError, read_metrics
from marl_market.reporting.sinks.local import LocalSink

Row = Callable[[int], dict[str, float]]


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_what_is_logged_reads_back_the_same(tmp_path: Path, row: Row) -> None:
    sink = LocalSink(tmp_path / "made" / "here")
    for step in (1, 2, 3):
        sink.log(row(step), step)
    sink.finish(None, None)
    expected = [{"step": step, **row(step)} for step in (1, 2, 3)]
    assert lines(tmp_path / "made" / "here") == expected
    assert pd.read_parquet(tmp_path / "made" / "here" / "metrics.parquet").to_dict("records") == expected
    assert sorted(path.name for path in (tmp_path / "made" / "here").iterdir()) == ["metrics.jsonl", "metrics.parquet"]


def test_a_row_is_on_disk_as_soon_as_it_is_logged(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys; from marl_market.reporting.sinks.local import LocalSink\n"
        "sink = LocalSink(pathlib.Path(sys.argv[1]))\n"
        "sink.log({'env_steps': 7.5}, 1)\n"
        "os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=Path(__file__).parents[3], check=False)
    assert killed.returncode == -9
    assert lines(tmp_path) == [{"step": 1, "env_steps": 7.5}]


def test_a_resumed_run_goes_on_and_writes_no_step_twice(tmp_path: Path, row: Row) -> None:
    first = LocalSink(tmp_path)
    for step in (1, 2, 3):
        first.log(row(step), step)
    resumed = LocalSink(tmp_path)
    for step in (2, 3, 4, 4):
        resumed.log({**row(step), "seconds": -1.0}, step)
    resumed.finish(None, None)
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3, 4]
    first_written = [row(step)["seconds"] for step in (1, 2, 3)]
    assert [line["seconds"] for line in lines(tmp_path)] == [*first_written, -1]
    assert list(pd.read_parquet(tmp_path / "metrics.parquet")["step"]) == [1, 2, 3, 4]


def test_half_a_line_left_by_a_kill_is_removed(tmp_path: Path, row: Row) -> None:
    LocalSink(tmp_path).log(row(1), 1)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "env_st')
    assert list(read_metrics(tmp_path / "metrics.jsonl")["step"]) == [1]
    LocalSink(tmp_path).log(row(2), 2)
    assert lines(tmp_path) == [{"step": 1, **row(1)}, {"step": 2, **row(2)}]


def test_a_broken_line_elsewhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"env_steps": 3}\n{"step": 3}\n')
    with pytest.raises(RunFolderError, match=r"metrics\.jsonl, line 2: .*step"):
        LocalSink(tmp_path)


def test_numbers_of_every_kind_are_kept(tmp_path: Path) -> None:
    sink = LocalSink(tmp_path)
    single, whole = cast(float, np.float32(0.1)), cast(float, np.int64(2**53))
    sink.log({"single": single, "whole": whole, "undefined": math.nan, "endless": -math.inf}, 1)
    sink.log({"only_here": 1 / 3}, 2)
    sink.finish(None, None)
    table = pd.read_parquet(tmp_path / "metrics.parquet")
    kept = table.to_dict("records")[0]
    assert (kept["single"], kept["whole"], kept["endless"]) == (float(np.float32(0.1)), 2**53, -math.inf)
    assert math.isnan(lines(tmp_path)[0]["undefined"])
    assert table["only_here"].isna().tolist() == [True, False]
    assert table["only_here"][1] == 1 / 3


@pytest.mark.parametrize("bad", [{"loss": "high"}, {"loss": None}, {"loss": np.ones(2)}, {"step": 3.0}])
def test_a_metric_that_is_no_number_is_named_and_leaves_no_line(tmp_path: Path, bad: dict[str, float]) -> None:
    sink = LocalSink(tmp_path)
    with pytest.raises(ValueError, match=next(iter(bad))):
        sink.log({"env_steps": 1.0, **bad}, 1)
    assert lines(tmp_path) == []


def test_the_evaluation_is_kept(tmp_path: Path, evaluation: Evaluation) -> None:
    LocalSink(tmp_path).finish(evaluation, None)
    assert Evaluation.from_dict(json.loads((tmp_path / "evaluation.json").read_text())) == evaluation
