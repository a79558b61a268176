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
    if module.startswith("command."):  # of the scripts, a callback without defaults
        return {}
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
    """Return the values of a config that have no comment, or differ from the default and have none that says so."""
    return list(_unexplained(yaml.compose(text), text.splitlines(), "")) if text.strip() else []


def _unexplained(node: Any, lines: list[str], inherited: str) -> Iterator[str]:
    """Yield the values of a node; a key's comments are on its line, on the lines above, or those of its parent."""
    if not isinstance(node, yaml.MappingNode):
        return
    target = next((value.value for key, value in node.value if key.value == "_target_"), None)
    defaults = defaults_of(target) if target else {}
    for key, value in node.value:
        comment = inherited + comment_of(lines, key.start_mark.line)
        if isinstance(value, yaml.MappingNode):
            yield from _unexplained(value, lines, comment)
        elif key.value in defaults:
            given, default = yaml.safe_load(yaml.serialize(value)), defaults[key.value]
            if _plain(given) == _plain(default) and not comment:
                yield f"{key.value} is {given}, the default"
            elif _plain(given) != _plain(default) and "default" not in comment:
                yield f"{key.value} is {given}, the default is {default}"


def comment_of(lines: list[str], line: int) -> str:
    """Return the comment on a line and those on the lines right above it."""
    found = re.sub(r"'[^']*'|\"[^\"]*\"", "", lines[line]).partition("#")[2]
    while line > 0 and lines[line - 1].strip().startswith("#"):
        line -= 1
        found += lines[line]
    return found


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(CONF)) for path in FILES])
def test_every_value_says_why_it_is_there(path: Path) -> None:
    assert unexplained(path.read_text()) == []


def test_an_unexplained_value_is_found() -> None:
    text = "_target_: marl_market.agents.rllib.algorithms.ppo.PPO\nepochs: 4\ndiscount: 0.5\nclip: 0.1  # why\n"
    assert unexplained(text) == [
        "epochs is 4, the default", "discount is 0.5, the default is 0.95", "clip is 0.1, the default is 0.2",
    ]  # fmt: skip
    said = text.replace("epochs", "# meaning\nepochs").replace("0.5", "0.5  # default 0.95: why")
    assert unexplained(said) == ["clip is 0.1, the default is 0.2"]
