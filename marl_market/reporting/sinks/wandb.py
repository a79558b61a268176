"""Send the metrics and results of a run to Weights & Biases; the only file that knows it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import wandb

from marl_market.evaluation.comparison import Comparison
from marl_market.evaluation.outcomes import outcome_fields
from marl_market.evaluation.results import Evaluation

MODES = ("online", "offline", "disabled")

ID_FILE = "wandb_id"
"""File in the run folder that keeps the run's id at W&B."""

INLINE_REPORT_BYTES = 10_000_000
"""Largest report shown as a panel; a larger one is kept as an artifact only."""


class WandbSink:
    """Log rows against environment steps, the evaluation as tables and the report as a page; print nothing."""

    def __init__(
        self,
        folder: Path,
        mode: str,
        project: str,
        group: str | None = None,
        job_type: str = "train",
        tags: Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """Start a run, or continue the one of the same folder.

        Args:
            folder: of the run; W&B keeps its files there.
            mode: "online", "offline" (files only, no connection is opened) or "disabled" (nothing at all).
            project: the study.
            group: the experiment: one population and its set of seeds.
            job_type: task of the process, such as train or evaluate.
            tags: to filter runs by.
            config: the resolved config, plain values only.

        Raises ValueError where `mode` is none of the three.
        """
        if mode not in MODES:
            raise ValueError(f"reporting.wandb is {mode!r}; it must be one of {', '.join(MODES)}")
        self._run: wandb.Run | None = None
        if mode == "disabled":
            return
        if mode == "offline":
            # Offline, wandb's service would still look up its crash reporter's address (observed with strace).
            os.environ["WANDB_ERROR_REPORTING"] = "false"
        folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            dir=folder,
            mode="offline" if mode == "offline" else "online",
            project=project,
            group=group,
            job_type=job_type,
            tags=list(tags),
            config=dict(config or {}),
            id=_identity(folder / ID_FILE),
            resume="allow",
            settings=wandb.Settings(silent=True, console="off"),
        )
        self._run.define_metric("env_steps")
        self._run.define_metric("*", step_metric="env_steps")

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Send one row."""
        if self._run is not None:
            self._run.log({name: float(value) for name, value in metrics.items()}, step=step)

    def finish(self, evaluation: Evaluation | None, report: Path | None) -> None:
        """Send the evaluation's tables and the report, then wait until all is sent (or, offline, written)."""
        if self._run is None:
            return
        if evaluation is not None:
            rows = evaluation.to_dict()
            columns = {"comparisons": [field.name for field in fields(Comparison)], "outcomes": outcome_fields()}
            self._run.log({f"evaluation/{name}": _table(columns[name], rows[name]) for name in columns})
            self._run.summary["conservation"] = {
                **asdict(evaluation.conservation),
                "holds": evaluation.conservation.holds,
            }
        if report is not None:
            self._send_report(self._run, report)
        self._run.finish()

    def _send_report(self, run: wandb.Run, report: Path) -> None:
        if report.stat().st_size <= INLINE_REPORT_BYTES:
            run.log({"report": wandb.Html(report.read_text(encoding="utf-8"), inject=False)})
            return
        artifact = wandb.Artifact(f"report-{run.id}", type="report")
        artifact.add_file(str(report), name=report.name)
        run.log_artifact(artifact)


def _identity(path: Path) -> str:
    """Return the id written in `path`; where there is none, write a new one."""
    if not path.exists():
        path.write_text(uuid.uuid4().hex, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> wandb.Table:
    return wandb.Table(columns=list(columns), data=[[row[name] for name in columns] for row in rows])
