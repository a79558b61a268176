"""The sinks that a config selects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marl_market.reporting.sinks.local import LocalSink
from marl_market.reporting.sinks.sink import FanOut
from marl_market.reporting.sinks.wandb import WandbSink, require_mode


@dataclass(frozen=True)
class Reporting:
    """Destinations of the metrics of a run beside its folder, see `WandbSink`.

    Attributes:
        wandb: "online", "offline" or "disabled".
        project: of Weights & Biases.
        entity: user or team there; None for the user's default.
        group: runs that are compared there; None: those of the sweep, or of the experiment.
        name: of the run there; None: the experiment, the choices and the seed.
        job_type: task of the process.
        tags: to filter runs by there, or one tag.
        notes: a text kept with the run.
    """

    wandb: str = "disabled"
    project: str = "marl_market"
    entity: str | None = None
    group: str | None = None
    name: str | None = None
    job_type: str = "train"
    tags: str | Sequence[str] = ()
    notes: str | None = None

    def __post_init__(self) -> None:
        require_mode(self.wandb)


def open_sinks(folder: Path, name: str, group: str, config: Mapping[str, Any], reporting: Reporting) -> FanOut:
    """Return the sinks of the run in `folder`: its own files and Weights & Biases.

    Args:
        folder: of the run.
        name: of the run, where `reporting` has none.
        group: of the run, where `reporting` has none.
        config: the resolved config, plain values only.
        reporting: settings of Weights & Biases.
    """
    with ExitStack() as stack:
        # First the one that may fail: the other then leaves no file.
        elsewhere = stack.enter_context(
            WandbSink(
                folder,
                reporting.wandb,
                reporting.project,
                reporting.group or group,
                reporting.job_type,
                reporting.tags,
                config,
                reporting.name or name,
                reporting.entity,
                reporting.notes,
            )
        )
        sinks = FanOut([LocalSink(folder), elsewhere])
        stack.pop_all()
        return sinks
