"""Keep the messages of a feed in a file, one line of JSON each, gzip where its name ends in .gz."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path

from marl_market.market.feed import Message, MessageError, from_json
from marl_market.market.whole_file import replace_file


def write_feed(path: Path, messages: Iterable[Message]) -> None:
    """Write `messages` to `path`; a reader sees the old file or the whole new one, and equal messages equal bytes."""
    data = "".join(f"{message.to_json()}\n" for message in messages).encode()
    replace_file(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def read_feed(path: Path) -> Iterator[Message]:
    """Yield the messages that `write_feed` wrote; raises MessageError naming file, line and field."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                yield from_json(line)
            except MessageError as error:
                raise MessageError(f"{path.name}, line {number}: {error}") from None
