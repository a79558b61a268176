"""How scripts talk to their user: errors that can be mended in one line, paths as short as they can be."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.errors import InstantiationException


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print what is wrong and exit with status 1, without a traceback unless HYDRA_FULL_ERROR=1 asks for it."""
    try:
        yield
    except (InstantiationException, ValueError, TypeError, OSError) as error:
        if os.environ.get("HYDRA_FULL_ERROR", "0") != "0":
            raise
        sys.exit(f"error: {message(error)}\n(HYDRA_FULL_ERROR=1 shows where it came from)")


def message(error: Exception) -> str:
    """Return what an error says and, for one that Hydra wrapped, under which config key."""
    if not isinstance(error, InstantiationException) or error.__cause__ is None:
        return str(error)
    key, cause = str(error).rpartition("full_key: ")[2], str(error.__cause__)
    return cause if cause.startswith(key) else f"{key}: {cause}"


def short_path(path: Path) -> Path:
    """Return the path as seen from the working folder where it lies below, else in full."""
    here, path = Path.cwd(), path.absolute()
    return path.relative_to(here) if path.is_relative_to(here) else path
