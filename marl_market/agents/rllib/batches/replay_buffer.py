"""The replay buffer of a group: a ring of transitions in columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray.rllib.core.columns import Columns

from marl_market.agents.rllib.batches.decisions import discounted_rewards, ends, following_decision
from marl_market.agents.rllib.networks.masked_module import NEXT_ACTION_MASK
from marl_market.agents.rollout import Rollout

Transitions = dict[str, NDArray[Any]]
"""Columns of equal length, by their names in RLlib's learners."""


class ReplayBuffer:
    """Hold the last `capacity` transitions."""

    def __init__(self, capacity: int) -> None:
        """Begin empty; the arrays are allocated with the first transitions."""
        self._capacity = capacity
        self._columns: Transitions = {}
        self._written = 0

    def __len__(self) -> int:
        return min(self._written, self._capacity)

    def add(self, transitions: Mapping[str, NDArray[Any]]) -> None:
        """Store transitions, in their order, in place of the oldest."""
        for name, values in transitions.items():
            if name not in self._columns:
                self._columns[name] = np.empty((self._capacity, *values.shape[1:]), values.dtype)
            stored = values[-self._capacity :]
            first = self._written + len(values) - len(stored)
            self._columns[name][(first + np.arange(len(stored))) % self._capacity] = stored
        self._written += len(values)

    def sample(self, size: int, random: np.random.Generator) -> Transitions:
        """Return `size` transitions drawn with replacement, all equally probable."""
        rows = random.integers(0, len(self), size)
        return {name: values[rows] for name, values in self._columns.items()}

    def get_state(self) -> dict[str, Any]:
        """Return all transitions, as a copy."""
        return {
            "written": self._written,
            "columns": {name: values[: len(self)].copy() for name, values in self._columns.items()},
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of a ring of equal capacity; raises ValueError for columns that lack rows."""
        rows, lengths = min(state["written"], self._capacity), {len(values) for values in state["columns"].values()}
        if lengths - {rows}:
            raise ValueError(f"columns have {sorted(lengths)} rows; {rows} transitions were written")
        self._written = state["written"]
        self._columns = {}
        for name, values in state["columns"].items():
            self._columns[name] = np.empty((self._capacity, *values.shape[1:]), values.dtype)
            self._columns[name][: len(values)] = values


def transitions(rollout: Rollout, action: NDArray[Any], decisions: int, discount: float) -> Transitions:
    """Return the transitions of a session, from each decision to the one `decisions` later, in columns of N.

    The reward is the discounted sum over the steps between, `n_step` their number. Where the row leaves or the session
    closes before, the transition ends there, and terminates unless the close truncates (Sutton 1988; Hessel et al.
    2018, arXiv:1710.02298, section 3).

    Args:
        rollout: of a whole session.
        action: (T, R, ...), as RLlib takes it.
        decisions: one or more.
        discount: of a step.
    """
    active, done, reward = rollout.active, rollout.done, rollout.reward
    rows = np.arange(reward.shape[1])
    ahead = following_decision(active, done, decisions)
    elapsed = ahead - np.arange(len(reward))[:, None]
    columns = {
        Columns.OBS: rollout.observation[:-1],
        Columns.NEXT_OBS: rollout.observation[ahead, rows],
        Columns.ACTIONS: action,
        Columns.REWARDS: discounted_rewards(reward, np.where(active, elapsed, 0), discount),
        Columns.TERMINATEDS: ends(rollout.terminal, ahead),
        "n_step": elapsed.astype(np.float32),
        "weights": np.ones(reward.shape, np.float32),
    }
    if rollout.action_mask is not None:
        columns[NEXT_ACTION_MASK] = rollout.action_mask[ahead, rows]
    return {name: values[active] for name, values in columns.items()}
