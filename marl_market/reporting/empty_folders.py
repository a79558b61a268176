"""Remove folders in which nothing is left; imports nothing that is slow."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

LOCK_FILE = "lock"
"""File in the folder of a run that names its owner, see `marl_market.reporting.run_lock`."""


def remove_unused(folder: Path) -> None:
    """Remove `folder` if nothing is in it but the lock of a process that was killed before its run began."""
    if folder.is_dir() and [path.name for path in folder.iterdir()] == [LOCK_FILE]:
        (folder / LOCK_FILE).unlink(missing_ok=True)
    remove_empty(folder)


def remove_empty(folder: Path) -> None:
    """Remove `folder` if it is empty, and then each of its parents that is, up to the working folder."""
    here, folder = Path.cwd(), folder.absolute()
    with suppress(OSError):
        folder.rmdir()
        for parent in folder.parents:
            if here not in parent.parents:
                return
            parent.rmdir()
