"""Finds the reader of a file by the file's beginning."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from marl_market.calibration import readers
from marl_market.calibration.readers.source import Head, Source

if TYPE_CHECKING:
    from marl_market.calibration.readers.reader import Reader


@cache
def all_readers() -> tuple[type[Reader], ...]:
    """Return the reader classes of this folder, by the name of their format."""
    modules = [
        importlib.import_module(f"{readers.__name__}.{each.name}") for each in pkgutil.iter_modules(readers.__path__)
    ]
    found = {value for module in modules for value in vars(module).values() if _is_reader(value)}
    return tuple(sorted(found, key=lambda reader: reader.format))


def reader_of(head: Head) -> type[Reader] | None:
    """Return the reader that recognizes a file, None where none does."""
    return next((reader for reader in all_readers() if reader.recognizes(head)), None)


def require_format(reader: Reader, source: Source) -> None:
    """Raise DataError where the file is of a format that another reader reads."""
    head = source.head()
    if not reader.recognizes(head) and (other := reader_of(head)):
        found = head.lines[0] if head.lines else "bytes that are no text"
        raise source.error(1, found, f"{reader.format} messages; these are {other.format}: calibration={other.format}")


def _is_reader(value: object) -> bool:
    return inspect.isclass(value) and hasattr(value, "recognizes") and not inspect.isabstract(value)
