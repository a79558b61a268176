"""Policies of runs that were saved, for matches and for markets of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from marl_market.agents.initial_learners import initial_learners, initial_opponents
from marl_market.agents.interfaces import Policy
from marl_market.agents.opponents.snapshot_opponents import with_external_opponents
from marl_market.configs import environment_of
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
    folder = Path(run_folder)
    name = BEST_FILE if best else CHECKPOINT_FILE
    config, state = saved_config(folder), load_checkpoint(folder, name)
    environment, seed = environment_of(config, allow_targets), int(config["seed"])
    learners = initial_learners(environment, seed)
    opponents = initial_opponents(with_external_opponents(environment, learners), seed)
    opponents.update(0, learners)
    known = [*learners, *opponents.policies()]
    require(group in known, "group", group, f"one of those that learn in {folder}: {', '.join(known)}")
    try:
        if group in learners:
            learners[group].set_state(state["learners"][group])
            return learners[group].policy()
        opponents.set_state(state["opponents"])
        return opponents.policies()[group]
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise CheckpointError(f"{folder / name} does not fit the config beside it: {text}") from error
