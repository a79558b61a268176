"""Policies and populations of runs that were saved, for matches and for markets of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marl_market.agents.initial_learners import initial_learners, initial_opponents
from marl_market.agents.interfaces import Learner, Opponents, Policy
from marl_market.agents.opponents.snapshot_opponents import with_external_opponents
from marl_market.configs import environment_of
from marl_market.env.environment import EnvironmentSpec
from marl_market.evaluation.realism.populations import populations_of
from marl_market.market.validation import require
from marl_market.training.checkpoint import BEST_FILE, CHECKPOINT_FILE, CheckpointError, load_checkpoint
from marl_market.training.resumption import saved_config


def load_policy(run_folder: str | Path, group: str, allow_targets: Sequence[str] = (), best: bool = False) -> Policy:
    """Return the policy that a group has learned in a run, an agent for `evaluation.match.with_policies`.

    Its config and checkpoint are read from the run's folder: the last one or, with `best`, that of the best
    validation. Raises CheckpointError where they are missing, broken or
    do not fit each other, and ConfigError for another group, and for a `_target_` outside of this package that
    `allow_targets` does not allow.
    """
    run = _read(Path(run_folder), allow_targets, BEST_FILE if best else CHECKPOINT_FILE)
    known = [*run.learners, *run.opponents.policies()]
    require(group in known, "group", group, f"one of those that learn in {run.file.parent}: {', '.join(known)}")
    with run.fitting():
        if group in run.learners:
            run.learners[group].set_state(run.state["learners"][group])
            return run.learners[group].policy()
        run.opponents.set_state(run.state["opponents"])
        return run.opponents.policies()[group]


def load_populations(run_folder: str | Path, allow_targets: Sequence[str] = ()) -> dict[str, EnvironmentSpec]:
    """Return the environment of a run by state of its population, see `evaluation.realism.populations`.

    Errors as of `load_policy`.
    """
    run = _read(Path(run_folder), allow_targets, CHECKPOINT_FILE)
    untrained = run.policies()
    with run.fitting():
        for name, learner in run.learners.items():
            learner.set_state(run.state["learners"][name])
        run.opponents.set_state(run.state["opponents"])
        return populations_of(run.environment, untrained, run.policies())


@dataclass(frozen=True)
class _SavedRun:
    """A run as its config describes it, before its state is set, and that state."""

    file: Path
    environment: EnvironmentSpec
    learners: dict[str, Learner]
    opponents: Opponents
    state: dict[str, Any]

    def policies(self) -> dict[str, Policy]:
        """Return the policy of each group that learns or follows a learner."""
        return {name: learner.policy() for name, learner in self.learners.items()} | dict(self.opponents.policies())

    @contextmanager
    def fitting(self) -> Iterator[None]:
        """Raise CheckpointError where the state does not fit."""
        try:
            yield
        except Exception as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            raise CheckpointError(f"{self.file} does not fit the config beside it: {text}") from error


def _read(folder: Path, allow_targets: Sequence[str], name: str) -> _SavedRun:
    config, state = saved_config(folder), load_checkpoint(folder, name)
    environment, seed = environment_of(config, allow_targets), int(config["seed"])
    learners = initial_learners(environment, seed)
    opponents = initial_opponents(with_external_opponents(environment, learners), seed)
    opponents.update(0, learners)
    return _SavedRun(folder / name, environment, learners, opponents, state)
