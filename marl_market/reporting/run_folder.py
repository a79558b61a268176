"""The files of one run: their names, writing and reading.

Every file but `metrics.jsonl`, which grows line by line, is replaced as a whole: a reader never sees a part.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import TypeVar

import pandas as pd

from marl_market.evaluation.realism.assessment import Assessment
from marl_market.evaluation.results import Evaluation
from marl_market.market.tape import Tape
from marl_market.market.tape_file import load_tape
from marl_market.market.whole_file import replace_file

METRICS_FILE = "metrics.jsonl"
TABLE_FILE = "metrics.parquet"
EVALUATION_FILE = "evaluation.json"
SCORES_FILE = "scores.parquet"
TAPE_FILE = "tape.npz"
REALISM_FILE = "realism.json"
CONFIG_FILE = "config.yaml"
CHOICES_FILE = "choices.yaml"
METADATA_FILE = "metadata.json"
REPORT_FILE = "report.html"

Content = TypeVar("Content")


class RunFolderError(ValueError):
    """A run folder lacks a file, or a file is broken."""


@dataclass(frozen=True)
class RunFolder:
    """The content of a run folder; None where the run left no such file.

    Attributes:
        path: the folder.
        metrics: one row a step, columns named as in `Sink.log`, and `step`.
        evaluation: of the trained policies.
        tape: public record of one market in one session.
        realism: of the market against real data, by state of its population.
        config: the resolved config, as YAML text.
        metadata: seed, versions and market, flat.
    """

    path: Path
    metrics: pd.DataFrame
    evaluation: Evaluation | None
    tape: Tape | None
    realism: Mapping[str, Assessment] | None
    config: str | None
    metadata: Mapping[str, str | float] | None


def load_run(path: Path) -> RunFolder:
    """Return the content of the run folder `path`; raises RunFolderError where it holds no metrics or a broken file."""
    return RunFolder(
        path=path,
        metrics=read_metrics(path / METRICS_FILE),
        evaluation=_optional(path / EVALUATION_FILE, lambda file: Evaluation.from_dict(json.loads(file.read_text()))),
        tape=_optional(path / TAPE_FILE, load_tape),
        realism=_optional(path / REALISM_FILE, _read_realism),
        config=_optional(path / CONFIG_FILE, lambda file: file.read_text(encoding="utf-8")),
        metadata=_optional(path / METADATA_FILE, _read_metadata),
    )


def read_metrics(path: Path) -> pd.DataFrame:
    """Return the rows of a `metrics.jsonl`, a missing value as not-a-number; raises RunFolderError naming a bad line.

    A last line without its line end is the rest of a killed run and no row.
    """
    if not path.is_file():
        raise RunFolderError(f"{path} is missing; a run folder has one line of metrics a step in it{_runs_of(path)}")
    rows = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            rows.append(_row(line.decode("utf-8")))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise RunFolderError(f"{path}, line {number}: {error!r}; it must be a JSON object with a step") from error
    return pd.DataFrame(rows, columns=None if rows else ["step"])


def _row(line: str) -> dict[str, float]:
    """Return a row; raises ValueError, KeyError or TypeError where it is none."""
    row = json.loads(line)
    for name, value in row.items() if isinstance(row, dict) else ():
        if not isinstance(value, Real) or isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}, and a metric is a number")
    return {**row, "step": int(row["step"])}


def _runs_of(path: Path) -> str:
    """Return which folders below hold runs, for a folder that is one of a sweep; empty where none do."""
    runs = sorted(found.parent for found in path.parent.glob(f"*/{METRICS_FILE}"))
    return f"; {path.parent} holds {len(runs)} runs, name one of them, such as {runs[0]}" if runs else ""


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write `evaluation.json` into the run folder `path`."""
    replace_file(path / EVALUATION_FILE, (json.dumps(evaluation.to_dict(), indent=2) + "\n").encode())


def write_scores(path: Path, scores: pd.DataFrame) -> None:
    """Write `scores.parquet`, the sessions of the evaluation, into the run folder `path`."""
    table = io.BytesIO()
    scores.to_parquet(table, index=False)
    replace_file(path / SCORES_FILE, table.getvalue())


def write_realism(path: Path, realism: Mapping[str, Assessment]) -> None:
    """Write `realism.json` into the run folder `path`."""
    replace_file(path / REALISM_FILE, json.dumps({name: each.to_dict() for name, each in realism.items()}).encode())


def write_metadata(path: Path, metadata: Mapping[str, str | float]) -> None:
    """Write `metadata.json` into the run folder `path`; the report keeps their order."""
    replace_file(path / METADATA_FILE, (json.dumps(dict(metadata), indent=2) + "\n").encode())


def _optional(path: Path, read: Callable[[Path], Content]) -> Content | None:
    if not path.is_file():
        return None
    try:
        return read(path)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, RecursionError) as error:
        message = str(error) if str(path) in str(error) else f"{path}: {error}"
        raise RunFolderError(message) from error


def _read_realism(path: Path) -> dict[str, Assessment]:
    return {name: Assessment.from_dict(found) for name, found in json.loads(path.read_text()).items()}


def _read_metadata(path: Path) -> dict[str, str | float]:
    metadata = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(metadata, dict):
        raise ValueError(f"it holds {type(metadata).__name__}; it must be an object of names to strings and numbers")
    for name, value in metadata.items():
        if not isinstance(value, str | int | float):
            raise ValueError(f"{name} is {value!r}; it must be a string or a number")
    return metadata
