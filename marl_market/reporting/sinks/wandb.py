"""Send the metrics and results of a run to Weights & Biases; the only file that knows it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marl_market.evaluation.comparison import Comparison
from marl_market.evaluation.outcomes import outcome_fields
from marl_market.evaluation.results import Evaluation
from marl_market.reporting.sinks.sink import Sink
from marl_market.reporting.summary import evaluation_scalars

if TYPE_CHECKING:
    import wandb

MODES = ("online", "offline", "disabled")

ID_FILE = "wandb_id"
"""File in the run folder that keeps the run's id at W&B."""

INLINE_REPORT_BYTES = 10_000_000
"""Largest report shown as a panel; a larger one is kept as an artifact only."""

LONGEST_NAME = 128
"""Characters of a run's name, as W&B limits them."""


class WandbSink(Sink):
    """Log rows against environment steps, the evaluation as tables and scalars, the report as a page; print nothing.

    The run belongs to this sink alone: other runs of the same process keep their rows to themselves.
    """

    def __init__(
        self,
        folder: Path,
        mode: str,
        project: str,
        group: str | None = None,
        job_type: str = "train",
        tags: str | Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
        name: str | None = None,
        entity: str | None = None,
        notes: str | None = None,
    ) -> None:
        """Start a run, or continue the one of the same folder.

        Args:
            folder: of the run; W&B keeps its files there.
            mode: "online", "offline" (files only, no connection is opened) or "disabled" (nothing at all).
            project: the study.
            group: runs to compare: those of one sweep, or of one experiment.
            job_type: task of the process, such as train or evaluate.
            tags: to filter runs by; a string is one tag.
            config: the resolved config, plain values only.
            name: of the run; None: W&B makes one up.
            entity: user or team; None for the user's default.
            notes: a text kept with the run.

        Raises ValueError where `mode` is none of the three, and ConnectionError where W&B does not take the run.
        """
        require_mode(mode)
        self._folder, self._mode = folder, mode
        self._run: wandb.Run | None = None
        self._step: int | None = None
        self._description = ""
        if mode == "disabled":
            return
        if mode == "offline":
            # Offline, wandb's service would still look up its crash reporter's address (observed with strace).
            os.environ["WANDB_ERROR_REPORTING"] = "false"
        folder.mkdir(parents=True, exist_ok=True)
        self._run = _start(
            dir=folder,
            mode=mode,
            project=project,
            group=group,
            job_type=job_type,
            tags=[tags] if isinstance(tags, str) else list(tags),
            config=dict(config or {}),
            name=name[:LONGEST_NAME] if name else None,
            entity=entity,
            notes=notes,
            id=_identity(folder / ID_FILE),
        )
        self._run.define_metric("env_steps")
        self._run.define_metric("*", step_metric="env_steps")
        self._description = f"W&B: {self._run.url if mode == 'online' else _sync_command(self._run)}"

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Send one row."""
        if self._run is not None:
            self._run.log({name: float(value) for name, value in metrics.items()}, step=step)
            self._step = step

    def finish(self, evaluation: Evaluation | None, report: Path | None) -> None:
        """Send the evaluation and the report, then wait until all is sent (or, offline, written)."""
        if self._run is None:
            return
        if evaluation is not None:
            self._send_evaluation(self._run, evaluation)
        if report is not None:
            self._send_report(self._run, report)
        self.close(failed=False)

    def close(self, failed: bool) -> None:
        """End the run, with status 1 where it `failed`, and wait until all is sent (or, offline, written)."""
        run, self._run = self._run, None
        if run is not None:
            run.finish(exit_code=int(failed))

    def describe(self) -> str:
        """Return the page of the run, or, offline, the command that uploads it."""
        return self._description

    def _send_evaluation(self, run: wandb.Run, evaluation: Evaluation) -> None:
        rows = evaluation.to_dict()
        columns = {"comparisons": [field.name for field in fields(Comparison)], "outcomes": outcome_fields()}
        self._send(run, {f"evaluation/{name}": _table(columns[name], rows[name]) for name in columns})
        run.summary.update(evaluation_scalars(evaluation))
        run.summary["conservation"] = {**asdict(evaluation.conservation), "holds": evaluation.conservation.holds}

    def _send_report(self, run: wandb.Run, report: Path) -> None:
        import wandb

        if report.stat().st_size <= INLINE_REPORT_BYTES:
            self._send(run, {"report": wandb.Html(report.read_text(encoding="utf-8"), inject=False)})
            return
        artifact = wandb.Artifact(f"report-{run.id}", type="report")
        artifact.add_file(str(report), name=report.name)
        run.log_artifact(artifact)

    def _send(self, run: wandb.Run, media: Mapping[str, Any]) -> None:
        """Add tables and pages to the last row.

        A row of their own would take the step of the next iteration, and W&B drops what a resumed run logs there.
        """
        if self._step is None:
            run.summary.update(dict(media))
        else:
            run.log(dict(media), step=self._step)


def require_mode(mode: object) -> None:
    """Raise ValueError unless the config value `reporting.wandb` is a mode."""
    if mode not in MODES:
        raise ValueError(f"reporting.wandb is {mode!r}; it must be one of {', '.join(MODES)}")


def _start(**arguments: Any) -> wandb.Run:
    """Start a run beside those that the process already has."""
    import wandb  # slow to import, and not needed by a run without it

    settings = wandb.Settings(silent=True, console="off")
    try:
        return wandb.init(**arguments, resume="allow", reinit="create_new", settings=settings)
    except wandb.Error as error:
        raise ConnectionError(
            f"reporting.wandb is {arguments['mode']}, and W&B does not take the run: {error}; `wandb login` first, or "
            "train with reporting.wandb=offline"
        ) from error


def _sync_command(run: wandb.Run) -> str:
    """Return the command that uploads a run kept offline; its folder is that of the run's files."""
    return f"wandb sync {Path(run.dir).parent}"


def _identity(path: Path) -> str:
    """Return the id written in `path`; where there is none, write a new one."""
    if not path.exists():
        path.write_text(uuid.uuid4().hex, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> wandb.Table:
    import wandb

    return wandb.Table(columns=list(columns), data=[[row[name] for name in columns] for row in rows])
