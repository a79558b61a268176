"""Command line arguments in the grammar of Hydra. Imports nothing that is slow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException


def as_typed(arguments: Sequence[str], keys: Collection[str]) -> list[str]:
    """Return arguments in which the values of `keys` are quoted where Hydra would read another text than was typed.

    A value in quotes and a list in brackets keep their meaning, unless a file has that very name.
    """
    return [_argument(each) if each.partition("=")[0] in keys else each for each in arguments]


def _argument(argument: str) -> str:
    key, equals, value = argument.partition("=")
    if not equals or (isinstance(_read(value), list | None) and not _is_file(value)):
        return argument
    if value[:1] == "[" and value[-1:] == "]" and not _is_file(value):
        elements = [_quoted(each.strip()) for each in value[1:-1].split(",")]
        return f"{key}=[{','.join(elements)}]"
    return f"{key}={_quoted(value)}"


def _quoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" and not _is_file(value)
    return value if is_quoted or _read(value) == value else QuotedString(value, Quote.single).with_quotes()


def _read(value: str) -> Any:
    """Return what Hydra reads; for a text that is outside of its grammar, no text, list or None."""
    try:
        return OverridesParser.create().parse_override(f"key={value}").value()
    except HydraException:
        return NotImplemented


def _is_file(value: str) -> bool:
    return Path(value).is_file()
