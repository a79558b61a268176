"""The sinks that a config selects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from marl_market.reporting.sinks.local import LocalSink
from marl_market.reporting.sinks.sink import FanOut
from marl_market.reporting.sinks.wandb import WandbSink


def open_sinks(
    folder: Path, group: str, config: Mapping[str, Any], wandb: str, project: str, tags: Sequence[str] = ()
) -> FanOut:
    """Return the sinks of the run in `folder`: its own files and Weights & Biases, see `WandbSink`.

    Args:
        folder: of the run.
        group: the experiment that the run belongs to.
        config: the resolved config, plain values only.
        wandb: "online", "offline" or "disabled".
        project: of Weights & Biases.
        tags: to filter runs by there.
    """
    return FanOut([LocalSink(folder), WandbSink(folder, wandb, project, group, tags=tags, config=config)])
