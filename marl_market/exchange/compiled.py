"""How functions are compiled, and where the compiled form is kept.

Numba's cache looks only at the file of the function itself: a change in a function that it calls would leave a stale
kernel. The cache of this package therefore lives in a folder named after the digest of all sources that a kernel could
be made of.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numba

KEPT_CACHES = 8

NEVER_COMPILED = ("agents/imitation", "agents/rllib", "calibration", "evaluation", "reporting", "training")
"""Folders without compiled functions, in which nothing is imported by one: a change there leaves all kernels valid."""


def source_digest(package: Path) -> str:
    """Return the digest of every Python source below `package` but those of `NEVER_COMPILED`."""
    digest = hashlib.sha256()
    left_out = [package / folder for folder in NEVER_COMPILED]
    for path in sorted(package.rglob("*.py")):
        if any(path.is_relative_to(folder) for folder in left_out):
            continue
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def choose_cache_folder(root: Path, digest: str) -> Path:
    """Make the folder of this digest below `root`, drop all but the newest others, and return it."""
    folder = root / digest
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    for stale in sorted(root.iterdir(), key=last_use, reverse=True)[KEPT_CACHES:]:
        shutil.rmtree(stale, ignore_errors=True)
    return folder


def last_use(folder: Path) -> float:
    """Return when a process last chose this folder, in seconds; 0 where another process has just dropped it."""
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


if "NUMBA_CACHE_DIR" not in os.environ:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    numba.config.CACHE_DIR = str(
        choose_cache_folder(home / "marl_market" / "kernels", source_digest(Path(__file__).parents[1]))
    )

compiled = numba.njit(cache=True, nogil=True, error_model="numpy")
"""Compile a function that is called from Python or through a table."""

inlined = numba.njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
"""Compile a function of the hot path into its callers: the engine is a fifth faster than with calls."""
