"""Writes a market spec and its background as Hydra configs: constants and their provenance, never data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from marl_market.env.population.group import Group
from marl_market.market.spec import MarketSpec
from marl_market.market.whole_file import replace_file

LINE_LENGTH = 120


class _Quantiles(list[float]):
    """A list that is written on as few lines as possible."""


class _Dumper(yaml.SafeDumper):
    """Writes mappings as blocks, quantiles in brackets, and quotes what only Hydra's reader takes for a number."""


def _represent_string(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # Hydra reads YAML 1.2 numbers such as 1e10, a possible SHA, which PyYAML would leave bare.
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="'" if value[:1].isdigit() else None)


_Dumper.add_representer(str, _represent_string)
_Dumper.add_representer(
    _Quantiles, lambda dumper, values: dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)
)


def write_market(spec: MarketSpec, folder: Path, command: str) -> Path:
    """Write `<folder>/<name>.yaml`, whole or not at all, and return its path.

    `hydra.utils.instantiate` of the file with `_convert_="all"` gives an equal spec. `command` made the file
    and is quoted in its first line. An older file of the name is replaced.
    """
    return _write(_tree(spec), folder / f"{spec.name}.yaml", command)


def write_population(groups: Sequence[Group], folder: Path, name: str, command: str) -> Path:
    """Write `<folder>/<name>.yaml`, the config of a population of scripted groups, likewise, and return its path."""
    tree = {group.name: {"count": group.count, "agent": _tree(group.agent)} for group in groups}
    for group in groups:
        if group.latency is not None:
            tree[group.name]["latency"] = _tree(group.latency)
    return _write(tree, folder / f"{name}.yaml", command)


def _write(tree: Any, path: Path, command: str) -> Path:
    first = f"# Made by: {' '.join(command.splitlines())}\n"
    text = first + yaml.dump(tree, Dumper=_Dumper, sort_keys=False, width=LINE_LENGTH)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode())
    return path


def _tree(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        target = f"{type(value).__module__}.{type(value).__qualname__}"
        return {"_target_": target} | {field.name: _tree(getattr(value, field.name)) for field in fields(value)}
    return _Quantiles(_tree(each) for each in value) if isinstance(value, tuple) else value
