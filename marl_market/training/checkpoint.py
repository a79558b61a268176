"""The state of a run in one file, written whole or not at all."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

CHECKPOINT_FILE = "checkpoint.pkl"


class CheckpointError(ValueError):
    """A checkpoint is missing or does not fit the run."""


def save_checkpoint(folder: Path, state: dict[str, Any]) -> Path:
    """Write `state` into the run folder, replacing an older checkpoint in one step."""
    path = folder / CHECKPOINT_FILE
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        pickle.dump(state, file, protocol=pickle.HIGHEST_PROTOCOL)
    part.replace(path)
    return path


def load_checkpoint(folder: Path) -> dict[str, Any]:
    """Return the state of a run folder; raises CheckpointError where there is none.

    A checkpoint is a pickle: load only what you have written yourself.
    """
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        raise CheckpointError(f"resume is {folder}, and {path} is missing; name the folder of a run that was saved")
    with path.open("rb") as file:
        state: dict[str, Any] = pickle.load(file)
    return state
