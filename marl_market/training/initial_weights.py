"""Begin a new run from what another run has learned, under any other config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from marl_market.agents.interfaces import Learner
from marl_market.market.validation import ConfigError
from marl_market.training.checkpoint import CHECKPOINT_FILE, CheckpointError, load_checkpoint


def load_initial_weights(source: str, learners: Mapping[str, Learner]) -> dict[str, str]:
    """Let learners begin from the checkpoint of another run; return what each of them began from, by group name.

    `source` is a run folder or its checkpoint, for all groups of equal names, or that and ":group", for the group of
    that name, or for the only learner if it has another name. Optimizers and counters start anew. Raises
    CheckpointError for a missing or broken checkpoint, and ConfigError where no group fits, or networks differ in size.
    """
    folder, group = _split(source)
    state = load_checkpoint(folder)
    saved, done = state.get("learners"), state.get("done")
    if not isinstance(saved, dict) or not all(isinstance(each, dict) for each in saved.values()):
        raise CheckpointError(f"{folder / CHECKPOINT_FILE} has no learners; it is no checkpoint of a run")
    began = {}
    for name, origin in _pairs(source, group, list(saved), list(learners)).items():
        try:
            learners[name].load_weights(saved[origin])
        except CheckpointError:
            raise
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            raise ConfigError(
                f"init_from is {source}, and {origin} there does not fit population.{name}: {text}"
            ) from error
        began[name] = f"{folder}:{origin}, iteration {done}"
    return began


def _split(source: str) -> tuple[Path, str | None]:
    """Return the run folder and the group of a source."""
    path, colon, group = source.rpartition(":")
    if not colon or Path(source).exists():
        path, group = source, ""
    folder = Path(path)
    return folder.parent if folder.name == CHECKPOINT_FILE else folder, group or None


def _pairs(source: str, group: str | None, saved: list[str], wanted: list[str]) -> dict[str, str]:
    """Return the saved group that each learning group begins from, by its name."""
    if group is None:
        pairs = {name: name for name in wanted if name in saved}
    elif group in saved and group in wanted:
        pairs = {group: group}
    else:
        pairs = {wanted[0]: group} if group in saved and len(wanted) == 1 else {}
    if not pairs:
        raise ConfigError(f"init_from is {source}, of {saved}; it must have a group of those that learn, {wanted}")
    return pairs
