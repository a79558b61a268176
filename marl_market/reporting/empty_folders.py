"""Remove folders in which nothing is left; imports nothing that is slow."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def remove_empty(folder: Path) -> None:
    """Remove `folder` if it is empty, and then each of its parents that is, up to the working folder."""
    here, folder = Path.cwd(), folder.absolute()
    with suppress(OSError):
        folder.rmdir()
        for parent in folder.parents:
            if here not in parent.parents:
                return
            parent.rmdir()
