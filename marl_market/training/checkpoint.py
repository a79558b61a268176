"""The state of a run in one file, written whole or not at all, and the identity of the run.

The file is a SHA-256 digest and the pickle it is computed from: a pickle alone would load with a weight changed.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from marl_market.env.environment import EnvironmentSpec
from marl_market.reporting.run_folder import replace_file

CHECKPOINT_FILE = "checkpoint.pkl"

DIGEST_SIZE = hashlib.sha256().digest_size
MAX_DIFFERENCES = 4


class CheckpointError(ValueError):
    """A checkpoint is missing, broken or of another run."""


def save_checkpoint(folder: Path, state: Mapping[str, Any]) -> Path:
    """Write `state` into the run folder, replacing an older checkpoint in one step."""
    content = pickle.dumps(dict(state), protocol=pickle.HIGHEST_PROTOCOL)
    path = folder / CHECKPOINT_FILE
    replace_file(path, hashlib.sha256(content).digest() + content)
    return path


def load_checkpoint(folder: Path) -> dict[str, Any]:
    """Return the state of a run folder; raises CheckpointError if its file is missing or broken.

    A checkpoint is a pickle: load only files that you have written yourself.
    """
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        raise CheckpointError(f"resume is {folder}, and {path} is missing; name the folder of a run that was saved")
    content = path.read_bytes()
    if hashlib.sha256(content[DIGEST_SIZE:]).digest() != content[:DIGEST_SIZE]:
        raise CheckpointError(f"{path} is broken: its {len(content)} bytes do not match the digest they begin with")
    state: dict[str, Any] = pickle.loads(content[DIGEST_SIZE:])
    return state


def identity_of(environment: EnvironmentSpec, markets: int, seed: int) -> dict[str, str]:
    """Return all that must not change during a run, by config key."""
    population = {
        group.name: {
            "count": group.count,
            "agent": group.agent,
            "action": group.action,
            "participation": group.participation,
            "parameter_sharing": group.parameter_sharing,
            "session_reward": group.session_reward,
        }
        for group in environment.groups
    }
    described = {
        "seed": seed,
        "training.markets": markets,
        "population": population,
        "market": environment.spec,
        "observation": dict(environment.observation),
        "action": environment.action,
        "timing": environment.timing,
        "reward": environment.reward,
    }
    return {name: text for key, value in described.items() for name, text in _leaves(key, value)}


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


def _leaves(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Return the leaves of a value, each under its dotted name."""
    if is_dataclass(value):
        yield name, type(value).__name__
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    elif isinstance(value, Mapping):
        yield name, ", ".join(value)
    else:
        yield name, repr(value)
        return
    for key, part in value.items():
        yield from _leaves(f"{name}.{key}", part)
