"""Read files of market data by the reader that recognizes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marl_market.calibration.readers.detect import all_readers, reader_of
from marl_market.calibration.readers.source import sources_of

if TYPE_CHECKING:
    from marl_market.calibration.readers.reader import Reader

PRODUCT_FIELDS = ("product", "stock", "instrument")


def reader_for(path: str | Path | Sequence[str], product: str | None = None, **settings: Any) -> Reader:
    """Return a reader for a file, or for the files of a pattern, by the beginning of the first.

    Args:
        path: file, pattern, or a list of them.
        product: for readers of formats that hold several.
        settings: other fields of readers; None, and what a reader has no field for, is left out.

    Raises DataError where no reader recognizes it.
    """
    source = sources_of(path)[0]
    head = source.head()
    found: Any = reader_of(head)
    if found is None:
        first = head.lines[0] if head.lines else "bytes that are no text"
        raise source.error(1, first, f"data of one of {', '.join(each.format for each in all_readers())}")
    given = {**settings, **dict.fromkeys(PRODUCT_FIELDS, product)}
    names = {field.name for field in fields(found)}
    reader: Reader = found(**{name: value for name, value in given.items() if name in names and value is not None})
    return reader
