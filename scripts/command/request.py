"""What one run is asked for: its config, its folder, and how its command named it. Imports nothing that is slow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

NOT_IN_NAMES = ("experiment", "name", "seed", "resume", "reporting", "hydra", "objective")
"""Keys of overrides that say nothing about what a run is, or that its name has anyway."""


@dataclass(frozen=True)
class Request:
    """One run.

    Attributes:
        config: resolved, plain values only.
        folder: that Hydra made for it.
        overrides: of the config, as typed.
        choices: the option of each config group.
        group: runs that it is compared with: its sweep, or its experiment.
    """

    config: Mapping[str, Any]
    folder: str
    overrides: Sequence[str]
    choices: Mapping[str, str]
    group: str

    @property
    def name(self) -> str:
        """Return the experiment, what the command changed in it, and the seed."""
        said = [each for each in self.overrides if key_of(each).split(".")[0].split("/")[0] not in NOT_IN_NAMES]
        return " ".join((str(self.config["name"]), *said, f"seed={self.config['seed']}"))

    @property
    def flat_config(self) -> dict[str, Any]:
        """Return the config, and choices and overrides as flat keys, to group and filter runs by."""
        choices = {f"choice/{group}": option for group, option in self.choices.items()}
        return {**self.config, **choices, **{f"override/{key_of(each)}": value_of(each) for each in self.overrides}}

    def to_json(self) -> str:
        """Return one line."""
        return json.dumps(asdict(self))


def key_of(override: str) -> str:
    """Return the key of an override, without the marks of adding and deleting."""
    return override.partition("=")[0].lstrip("+~")


def value_of(override: str) -> str:
    """Return the value of an override as typed."""
    return override.partition("=")[2]


def request_of(config: DictConfig) -> Request:
    """Return the request that Hydra composed."""
    hydra = HydraConfig.get()
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    choices = {group: str(option) for group, option in hydra.runtime.choices.items() if not group.startswith("hydra/")}
    number = OmegaConf.select(hydra, "job.num", throw_on_missing=False, default=None)
    in_sweep = number is not None and hydra.mode.name == "MULTIRUN"
    group = f"{plain['name']} {Path(hydra.sweep.dir).name}" if in_sweep else str(plain["name"])
    return Request(plain, hydra.runtime.output_dir, list(hydra.overrides.task), choices, group)
