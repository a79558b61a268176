"""Files that grow by whole lines: what a kill or a full disk cuts off is never read as a line."""

from __future__ import annotations

import os
from pathlib import Path


def append_line(path: Path, line: str, synced: bool = False) -> None:
    """Add a line to a file, made where missing, or nothing of it on a full disk; `synced` waits until it is on disk."""
    path.touch()
    size = path.stat().st_size
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            if synced:
                os.fsync(file.fileno())
    except OSError:
        os.truncate(path, size)
        raise


def whole_lines(path: Path) -> list[bytes]:
    """Return the lines of a file after removing a last one without its end; none where the file is missing."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    return content[:whole].split(b"\n")[:-1]
