"""One owner for each run folder: a process that writes to it locks it, and other processes see the lock.

The lock is one of the operating system (flock) and ends with its process, however that ends. The file names its owner.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from marl_market.market.whole_file import PART_SUFFIX
from marl_market.reporting.empty_folders import LOCK_FILE, remove_empty
from marl_market.reporting.run_folder import (
    CHOICES_FILE,
    CONFIG_FILE,
    EVALUATION_FILE,
    METADATA_FILE,
    METRICS_FILE,
    REPORT_FILE,
    RunFolderError,
)

CONTENT = (METRICS_FILE, CONFIG_FILE, CHOICES_FILE, EVALUATION_FILE, METADATA_FILE, REPORT_FILE, "checkpoint*")
"""Files, as patterns, of which a folder has one or more as soon as it holds a run."""
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
"""Errors of file systems that know no locks; a run there has none."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Own the run folder during the context; raises RunFolderError naming the process that owns it already."""
    descriptor = _lock(folder)
    try:
        yield
    finally:
        (folder / LOCK_FILE).unlink(missing_ok=True)
        os.close(descriptor)
        remove_empty(folder)


@contextmanager
def nothing_left(folder: Path) -> Iterator[None]:
    """Remove what an error in the context leaves in `folder` beyond what was there."""
    before = set(folder.iterdir())
    try:
        yield
    except BaseException:
        for path in set(folder.iterdir()) - before:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        raise


def remove_parts(folder: Path) -> None:
    """Remove the files that a killed process had not written to their end; call it under the lock."""
    for path in folder.glob(f"*{PART_SUFFIX}"):
        path.unlink(missing_ok=True)


def require_no_run(folder: Path) -> None:
    """Raise RunFolderError if `folder` holds a run."""
    held = sorted(path.name for pattern in CONTENT for path in folder.glob(pattern))
    if held:
        raise RunFolderError(
            f"{folder} holds a run already ({held[0]}); go on with it by resume={folder}, or choose another folder by "
            "hydra.run.dir=<folder>"
        )


def _lock(folder: Path) -> int:
    """Return the descriptor of the locked file."""
    path = folder / LOCK_FILE
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(descriptor, 200).decode(errors="replace").strip()
            os.close(descriptor)
            raise RunFolderError(
                f"{folder} is being written by {owner or 'another process'}; wait for its end, stop it, or choose "
                "another folder"
            ) from error
        except OSError as error:
            if error.errno not in NO_LOCKS:
                os.close(descriptor)
                raise
        if _is_file_of(descriptor, path):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            return descriptor
        os.close(descriptor)  # The last owner removed it in the meantime.


def _is_file_of(descriptor: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False
