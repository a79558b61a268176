"""Console output of the scripts: errors in one line, paths as short as possible."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.errors import InstantiationException


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print an error and exit with status 1, without a traceback unless HYDRA_FULL_ERROR=1."""
    try:
        yield
    except (InstantiationException, ValueError, TypeError, OSError) as error:
        if os.environ.get("HYDRA_FULL_ERROR", "0") != "0":
            raise
        sys.exit(f"error: {message(error)}\n(HYDRA_FULL_ERROR=1 prints the traceback)")


def message(error: Exception) -> str:
    """Return the text of an error, after its config key where Hydra wrapped it."""
    if not isinstance(error, InstantiationException) or error.__cause__ is None:
        return str(error)
    key, cause = str(error).rpartition("full_key: ")[2], str(error.__cause__)
    return cause if cause.startswith(key) else f"{key}: {cause}"


def short_path(path: Path) -> Path:
    """Return the path relative to the working folder where it lies below, else in full."""
    here, path = Path.cwd(), path.absolute()
    return path.relative_to(here) if path.is_relative_to(here) else path
