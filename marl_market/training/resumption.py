"""Go on with a run from its folder alone: its config, and the state of everything that learns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from marl_market.agents.interfaces import Learner, Opponents
from marl_market.agents.sampling.session_rewards import SessionRewards
from marl_market.agents.saved_state import require_alike, require_taken_over
from marl_market.reporting.run_folder import CONFIG_FILE
from marl_market.training.checkpoint import CHECKPOINT_FILE, CheckpointError, load_checkpoint
from marl_market.training.validation import Validation

MAX_DIFFERENCES = 4
OF_THE_COMMAND = ("resume", "allow_targets")
"""Keys of a config that come from the command and not from the folder of a resumed run."""


def resumed_config(config: Mapping[str, Any], overrides: Sequence[str], choices: Mapping[str, str]) -> dict[str, Any]:
    """Return the config of the run in the folder `config["resume"]`, with what was typed taken from `config`.

    Args:
        config: composed, of plain values.
        overrides: as typed: group=choice, key=value, +key=value or ~key.
        choices: option of each config group, by which an override of a group is distinguished from one of a value.

    Raises CheckpointError for a folder without a checkpoint or a config, and for an experiment that is typed: it would
    replace the run.
    """
    folder = Path(config["resume"])
    saved = saved_config(folder)
    for override in overrides:
        mark, key = override[:1], override.partition("=")[0].lstrip("+~")
        name = key.partition("@")[2] or (key.replace("/", ".") if key in choices else key)
        if key in ("experiment", *OF_THE_COMMAND) or name.partition(".")[0] == "hydra":
            if key == "experiment":
                raise CheckpointError(f"{override} is given with resume={folder}; give only what is to change")
            continue
        if mark == "~":
            _remove(saved, name.split("."))
        else:
            _set(saved, name.split("."), config)
    if not {"training", "training.address"} & {override.partition("=")[0].lstrip("+~") for override in overrides}:
        _require_own_ray(folder, saved)
    return {**saved, **{key: config[key] for key in OF_THE_COMMAND if key in config}}


def _require_own_ray(folder: Path, saved: Mapping[str, Any]) -> None:
    """Raise CheckpointError for the address of another machine: its Ray would run code here."""
    training = saved.get("training")
    address = training.get("address", "local") if isinstance(training, Mapping) else "local"
    if address not in ("local", "auto"):
        raise CheckpointError(
            f"resume is {folder}, and its training.address is {address}; if you trust the Ray there, give "
            f"training.address={address}"
        )


def saved_config(folder: Path) -> dict[str, Any]:
    """Return the config that a run keeps in its folder; raises CheckpointError where a checkpoint or a config lacks."""
    if not (folder / CHECKPOINT_FILE).is_file():
        raise CheckpointError(
            f"resume is {folder}, and {folder / CHECKPOINT_FILE} is missing; name the folder of a run that was saved"
        )
    path = folder / CONFIG_FILE
    try:
        saved = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CheckpointError(f"resume is {folder}, and {path} cannot be read: {_line(error)}") from error
    if not isinstance(saved, dict):
        raise CheckpointError(f"resume is {folder}, and {path} holds a {type(saved).__name__}; it must be a mapping")
    return saved


def _set(saved: dict[str, Any], path: list[str], config: Mapping[str, Any]) -> None:
    """Set the value at a dotted key to that of `config`."""
    value: Any = config
    for name in path:
        value = value[name]
    for name in path[:-1]:
        saved = saved.setdefault(name, {})
    saved[path[-1]] = value


def _remove(saved: dict[str, Any], path: list[str]) -> None:
    for name in path[:-1]:
        saved = saved.get(name, {})
    saved.pop(path[-1], None)


def restore(
    folder: Path,
    identity: Mapping[str, str],
    iterations: int,
    learners: Mapping[str, Learner],
    opponents: Opponents,
    session_rewards: SessionRewards,
    validation: Validation,
) -> dict[str, Any]:
    """Set all parts of a run to the checkpoint in `folder`, and return it.

    Raises CheckpointError if it is missing, broken, of another run, further than `iterations`, or does not fit.
    """
    path = folder / CHECKPOINT_FILE
    state = load_checkpoint(folder)
    with _fitting(path, "identity"):
        require_same_run(folder, dict(state["identity"]), identity)
    with _fitting(path, "progress"):
        done, _, _ = int(state["done"]), float(state["seconds"]), dict(state["init_from"])
    if done > iterations:
        raise CheckpointError(
            f"resume is {folder}, and its run has done {done} iterations; training.iterations is {iterations}; it must "
            f"be {done} or more"
        )
    for name, learner in learners.items():
        with _fitting(path, f"learners.{name}"):
            _continue(learner, state["learners"][name], name)
    with _fitting(path, "opponents"):
        _continue(opponents, state["opponents"], "opponents")
    with _fitting(path, "session_rewards"):
        _continue(session_rewards, state["session_rewards"], "session_rewards")
    with _fitting(path, "validation"):
        _continue(validation, state["validation"], "validation")
    return state


def _continue(part: Learner | Opponents | SessionRewards | Validation, saved: dict[str, Any], name: str) -> None:
    """Set the state of a part of a run; raises ValueError where it is another one afterwards."""
    require_alike(saved, part.get_state(), name)
    part.set_state(saved)
    require_taken_over(saved, part.get_state(), name)


def require_same_run(folder: Path, saved: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Raise CheckpointError, naming saved and wanted values, if the run in `folder` is another one."""
    different = [
        f"{name} is {saved.get(name, 'absent')} there and {wanted.get(name, 'absent')} here"
        for name in {**saved, **wanted}
        if saved.get(name) != wanted.get(name)
    ]
    if different:
        more = len(different) - MAX_DIFFERENCES
        text = "; ".join(different[:MAX_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")
        raise CheckpointError(f"resume is {folder}, and it holds another run: {text}")


@contextmanager
def _fitting(path: Path, key: str) -> Iterator[None]:
    """Turn whatever a learner raises for the state of another one into a CheckpointError that names its key."""
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"{path}: its {key} does not fit this run: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
