"""What a group lived through, kept to be learned from again: a ring of transitions in columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray.rllib.core.columns import Columns

from marl_market.agents.rllib.batches.decisions import ends, following_decision, gained
from marl_market.agents.rllib.networks.masked_module import NEXT_ACTION_MASK
from marl_market.agents.rollout import Rollout

Transitions = dict[str, NDArray[Any]]
"""Columns of equal length, by the names that RLlib's learners know."""


class Replay:
    """Hold the last `capacity` transitions."""

    def __init__(self, capacity: int) -> None:
        """Begin empty; memory is taken with the first transitions."""
        self._capacity = capacity
        self._columns: Transitions = {}
        self._written = 0

    def __len__(self) -> int:
        return min(self._written, self._capacity)

    def add(self, transitions: Mapping[str, NDArray[Any]]) -> None:
        """Keep transitions, in their order; the oldest make room."""
        for name, values in transitions.items():
            if name not in self._columns:
                self._columns[name] = np.empty((self._capacity, *values.shape[1:]), values.dtype)
            kept = values[-self._capacity :]
            first = self._written + len(values) - len(kept)
            self._columns[name][(first + np.arange(len(kept))) % self._capacity] = kept
        self._written += len(values)

    def sample(self, size: int, random: np.random.Generator) -> Transitions:
        """Return `size` transitions drawn with replacement, all equally probable."""
        rows = random.integers(0, len(self), size)
        return {name: values[rows] for name, values in self._columns.items()}

    def get_state(self) -> dict[str, Any]:
        """Return all that is kept, as a picklable copy."""
        return {
            "written": self._written,
            "columns": {name: values[: len(self)].copy() for name, values in self._columns.items()},
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of `get_state`, of a ring of equal capacity."""
        self._written = state["written"]
        self._columns = {}
        for name, values in state["columns"].items():
            self._columns[name] = np.empty((self._capacity, *values.shape[1:]), values.dtype)
            self._columns[name][: len(values)] = values


def transitions(rollout: Rollout, action: NDArray[Any], decisions: int, discount: float) -> Transitions:
    """Return what each decision of a session brought up to the one `decisions` later, in columns of N decisions.

    The reward is the discounted sum over the steps between, `n_step` how many they were. Where the row leaves or the
    session closes before, that terminates (Sutton 1988; Hessel et al. 2018, arXiv:1710.02298, section 3).

    Args:
        rollout: of a whole session.
        action: (T, R, ...), as RLlib takes it.
        decisions: one or more.
        discount: worth of the next step's reward.
    """
    active, done, reward = rollout.active, rollout.done, rollout.reward
    rows = np.arange(reward.shape[1])
    ahead = following_decision(active, done, decisions)
    elapsed = ahead - np.arange(len(reward))[:, None]
    columns = {
        Columns.OBS: rollout.observation[:-1],
        Columns.NEXT_OBS: rollout.observation[ahead, rows],
        Columns.ACTIONS: action,
        Columns.REWARDS: gained(reward, np.where(active, elapsed, 0), discount),
        Columns.TERMINATEDS: ends(done, ahead),
        "n_step": elapsed.astype(np.float32),
        "weights": np.ones(reward.shape, np.float32),
    }
    if rollout.action_mask is not None:
        columns[NEXT_ACTION_MASK] = rollout.action_mask[ahead, rows]
    return {name: values[active] for name, values in columns.items()}
