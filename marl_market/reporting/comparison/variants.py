"""Runs grouped into variants: those that differ in nothing but the seed are training seeds of one variant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from marl_market.reporting.run_folder import (
    CHOICES_FILE,
    CONFIG_FILE,
    METRICS_FILE,
    SCORES_FILE,
    RunFolderError,
    read_metrics,
)

NOT_COMPARED = ("seed", "resume", "reporting", "objective", "allow_targets", "debug")
"""Keys of a config that do not make a variant: what is learned does not depend on them, or only by chance."""


@dataclass(frozen=True)
class Run:
    """A run to compare.

    Attributes:
        path: its folder.
        seed: its training seed.
        choices: option of each config group.
        config: flat, without the keys of `NOT_COMPARED`.
        scores: rows of `marl_market.evaluation.session_scores`.
        metrics: one row an iteration.
    """

    path: Path
    seed: int
    choices: Mapping[str, str]
    config: Mapping[str, Any]
    scores: pd.DataFrame
    metrics: pd.DataFrame


@dataclass(frozen=True)
class Variant:
    """Training seeds of one config.

    Attributes:
        name: choices and values that set it apart from the other variants, "all" where there is one variant.
        runs: one a training seed, by seed.
    """

    name: str
    runs: Sequence[Run]


def find_runs(paths: Iterable[Path]) -> tuple[list[Run], list[str]]:
    """Return the finished runs of folders of runs or of sweeps, and a line for each run that is left out.

    Raises RunFolderError where a folder holds no run at all, or a file of a run is broken.
    """
    runs, left_out = [], []
    for path in paths:
        folders = list(_run_folders(path))
        if not folders:
            raise RunFolderError(f"{path} holds no run; name folders of runs, or of sweeps, such as runs/train/<time>")
        for folder in folders:
            if (folder / SCORES_FILE).is_file():
                runs.append(_load(folder))
            else:
                left_out.append(f"{folder} is left out: it has no {SCORES_FILE}, which a run writes when it ends")
    unique = {run.path.resolve(): run for run in runs}
    return list(unique.values()), left_out


def _run_folders(path: Path) -> Iterator[Path]:
    if (path / METRICS_FILE).is_file():
        yield path
        return
    yield from sorted({found.parent for found in path.rglob(METRICS_FILE)})


def _load(folder: Path) -> Run:
    try:
        config = yaml.safe_load((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        choices = yaml.safe_load((folder / CHOICES_FILE).read_text(encoding="utf-8"))["choices"]
        seed = int(config["seed"])
        flat = dict(_flat({key: value for key, value in config.items() if key not in NOT_COMPARED}))
        scores = pd.read_parquet(folder / SCORES_FILE)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise RunFolderError(f"{folder} is no whole run: {error!r}") from error
    return Run(folder, seed, choices, flat, scores, read_metrics(folder / METRICS_FILE))


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, each in value.items():
            yield from _flat(each, f"{key}.{name}" if key else str(name))
    else:
        yield key, tuple(value) if isinstance(value, list) and not _nested(value) else str(value)


def _nested(values: list[Any]) -> bool:
    return any(isinstance(each, list | dict) for each in values)


def variants_of(runs: Sequence[Run]) -> list[Variant]:
    """Return the variants in the order of their first runs; raises ValueError where a seed occurs twice in one."""
    choices = _differing([run.choices for run in runs])
    named: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        named.setdefault(tuple(f"{key}={run.choices.get(key)}" for key in choices), []).append(run)
    # A choice changes many keys at once: a key names a variant only where it differs within the same choices.
    values = sorted({key for each in named.values() for key in _differing([run.config for run in each])})
    variants: dict[str, list[Run]] = {}
    for run in runs:
        said = [f"{key}={run.choices.get(key)}" for key in choices]
        said += [f"{key}={_text(run.config[key])}" for key in values if key in run.config]
        variants.setdefault(" ".join(said) or "all", []).append(run)
    for name, members in variants.items():
        seeds = [run.seed for run in members]
        for run in members:
            if seeds.count(run.seed) > 1:
                folders = ", ".join(str(each.path) for each in members if each.seed == run.seed)
                raise ValueError(f"variant {name!r} has training seed {run.seed} more than once: {folders}")
    return [Variant(name, sorted(members, key=lambda run: run.seed)) for name, members in variants.items()]


def _differing(mappings: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = dict.fromkeys(key for each in mappings for key in each)
    return [key for key in keys if len({each.get(key) for each in mappings}) > 1]


def _text(value: Any) -> str:
    return f"[{','.join(map(str, value))}]" if isinstance(value, tuple) else str(value)
