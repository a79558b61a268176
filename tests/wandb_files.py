"""Read back what an offline run wrote: a log of protobuf records in LevelDB's format of 32 KiB blocks."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

BLOCK, HEADER = 32768, 7
FULL, LAST = 1, 4


def records(folder: Path) -> list[Any]:
    """Return what a finished run wrote; W&B returns from `finish` some milliseconds before its service has written."""
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = list(parse(path.read_bytes()))
        if found and found[-1].WhichOneof("record_type") == "exit":
            return found
        time.sleep(0.01)
    raise TimeoutError(f"{path.name} has no end after 10 seconds")


def parse(data: bytes) -> Iterator[Any]:
    assert data.startswith(b":W&B")
    position, content = HEADER, b""
    while position + HEADER <= len(data):
        if BLOCK - position % BLOCK < HEADER:
            position += BLOCK - position % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        content += data[position + HEADER : position + HEADER + length]
        position += HEADER + length
        if kind in (FULL, LAST) and position <= len(data):
            yield wandb_internal_pb2.Record.FromString(content)  # type: ignore[attr-defined]  # made at run time
            content = b""


def items(entries: Any) -> dict[str, Any]:
    """Return what key-value entries say; a nested key is a path of dicts."""
    found: dict[str, Any] = {}
    for entry in entries:
        *parents, name = [entry.key] if entry.key else entry.nested_key
        place = found
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = json.loads(entry.value_json)
    return found


def history(folder: Path) -> list[dict[str, Any]]:
    return [items(each.history.item) for each in records(folder) if each.WhichOneof("record_type") == "history"]
