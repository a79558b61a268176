"""One set of defaults, that of the dataclasses: no yaml changes one without saying so.

A value that is the default is there to be seen and swept, and has a comment that says its meaning; one that differs has
a comment that begins with "default", the default, and why it differs. So a default cannot be changed in one place.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

CONF = Path(__file__).parents[2] / "conf"
CALIBRATED = CONF / "market"
"""Market files are data that scripts/calibrate.py writes whole."""

FILES = [path for path in sorted(CONF.rglob("*.yaml")) if CALIBRATED not in path.parents]


def defaults_of(target: str) -> dict[str, Any]:
    """Return the defaults of a dataclass, by field; nothing for what is no dataclass."""
    module, _, name = target.rpartition(".")
    kind = getattr(import_module(module), name)
    if not dataclasses.is_dataclass(kind):
        return {}
    found: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
    return found


def unexplained(text: str) -> list[str]:
    """Return the keys of a config without a comment: on their line, the line above, or that of a key above them."""
    lines = text.splitlines()
    return list(_unexplained(yaml.compose(text), lines, False)) if text.strip() else []


def _unexplained(node: Any, lines: list[str], explained: bool) -> Iterator[str]:
    if not isinstance(node, yaml.MappingNode):
        return
    keys = {key.value: value for key, value in node.value}
    target = keys["_target_"].value if "_target_" in keys else None
    defaults = defaults_of(target) if target else {}
    for key, value in node.value:
        line = key.start_mark.line
        above = lines[line - 1].strip() if line > 0 else ""
        commented = explained or "#" in re.sub(r"'[^']*'|\"[^\"]*\"", "", lines[line]) or above.startswith("#")
        if isinstance(value, yaml.MappingNode):
            yield from _unexplained(value, lines, commented)
        elif target and key.value != "_target_" and not commented and key.value in defaults:
            given = yaml.safe_load(yaml.serialize(value))
            same = _plain(defaults[key.value]) == _plain(given)
            yield f"{key.value} is {given}, {'the default' if same else f'the default is {defaults[key.value]}'}"


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(CONF)) for path in FILES])
def test_every_value_says_why_it_is_there(path: Path) -> None:
    assert unexplained(path.read_text()) == []


def test_an_unexplained_value_is_found() -> None:
    text = "_target_: marl_market.agents.rllib.algorithms.ppo.PPO\nepochs: 4\ndiscount: 0.5\nclip: 0.1  # why\n"
    assert unexplained(text) == ["epochs is 4, the default", "discount is 0.5, the default is 0.99"]
    assert unexplained(text.replace("epochs", "# why\nepochs").replace("0.5", "0.5  # why")) == []
