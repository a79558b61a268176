"""Console output of the scripts: errors in one line, paths as short as possible. Imports nothing that is slow."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hydra._internal.utils
from hydra.errors import HydraException, InstantiationException
from omegaconf.errors import OmegaConfBaseException


class RunError(RuntimeError):
    """A run that had begun ended by an error; its text says what is kept and how to go on."""


EXPECTED = (HydraException, OmegaConfBaseException, RunError, ValueError, TypeError, OSError)
"""Errors that are no fault of the program, and are printed in one line."""
HINT = "(HYDRA_FULL_ERROR=1 prints the traceback)"


def wants_traceback() -> bool:
    """Return whether the user asks for tracebacks."""
    return os.environ.get("HYDRA_FULL_ERROR", "0") != "0"


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print an error and exit with status 1, without a traceback unless HYDRA_FULL_ERROR=1."""
    try:
        yield
    except EXPECTED as error:
        if wants_traceback() or isinstance(error, BrokenPipeError):
            raise
        sys.exit(f"error: {message(error)}\n{HINT}")


def run(main: Callable[[], None], config_name: str) -> None:
    """Run a program of Hydra's; what Hydra says about its arguments gets near matches, and no traceback."""
    if any(each in sys.argv for each in ("--cfg", "-c", "--info", "-i", "--hydra-help", "--shell-completion", "-sc")):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # The reader of such an answer may stop early, as head does.
    if not wants_traceback():
        hydra._internal.utils.run_and_report = lambda call: call()
    with plain_errors():
        try:
            main()
        except (HydraException, OmegaConfBaseException) as error:
            if wants_traceback():
                raise
            from command.suggestions import with_near_matches

            sys.exit(f"error: {with_near_matches(error, config_name)}\n{HINT}")


def message(error: BaseException) -> str:
    """Return the text of an error, after its config key where Hydra wrapped it; that of its class where it has none."""
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        key, cause = str(error).rpartition("full_key: ")[2], message(error.__cause__)
        return cause if cause.startswith(key) else f"{key}: {cause}"
    return str(error) or type(error).__name__


def short_path(path: Path) -> Path:
    """Return the path relative to the working folder where it lies below, else in full."""
    here, path = Path.cwd(), path.absolute()
    return path.relative_to(here) if path.is_relative_to(here) else path
