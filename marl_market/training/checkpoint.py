"""The state of a run in one file, written whole or not at all, of arrays and plain values only.

The file is a SHA-256 digest and the bytes it is computed from, see `marl_market.training.plain_state`: they alone would
load with a weight changed. The digest protects from damage; that reading runs no code, from the files of strangers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marl_market.reporting.run_folder import replace_file
from marl_market.training.plain_state import decode, encode

CHECKPOINT_FILE = "checkpoint.npz"
BEST_FILE = "best.npz"
"""State after the best validation."""

DIGEST_SIZE = hashlib.sha256().digest_size


class CheckpointError(ValueError):
    """A checkpoint is missing, broken or of another run."""


def save_checkpoint(folder: Path, state: Mapping[str, Any], name: str = CHECKPOINT_FILE) -> Path:
    """Write `state` into the run folder, replacing an older checkpoint in one step.

    Raises TypeError, naming its place, for a value that is no array and no plain value.
    """
    content = encode(dict(state))
    path = folder / name
    replace_file(path, hashlib.sha256(content).digest() + content)
    return path


def load_checkpoint(folder: Path, name: str = CHECKPOINT_FILE) -> dict[str, Any]:
    """Return the state of a run folder; raises CheckpointError if its file is missing or broken."""
    path = folder / name
    if not path.is_file():
        raise CheckpointError(f"{path} is missing; name the folder of a run that was saved")
    content = path.read_bytes()
    if hashlib.sha256(content[DIGEST_SIZE:]).digest() != content[:DIGEST_SIZE]:
        raise CheckpointError(f"{path} is broken: its {len(content)} bytes do not match the digest they begin with")
    try:
        state = decode(content[DIGEST_SIZE:])
    except ValueError as error:
        raise CheckpointError(f"{path} is no checkpoint: {error}") from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} is no checkpoint: it holds a {type(state).__name__}, and a state is a dict")
    return state
