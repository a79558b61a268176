"""Rollout: the experience of one group in one session, as columns; the only container of experience.

Why columns: an object an agent and step costs a Python call each, a hundred times the cost of a compiled market step.

Assumptions: a row is one seat of one market, and a rollout is a whole session, so that every episode begins with the
first step and ends within the rollout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Masks = NDArray[np.uint8]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Rollout:
    """Hold T steps of R = markets * seats rows of one group, market by market; its length is the number of actions.

    Observations and actions of policies that play inside the compiled step are not recorded: D and A are 0 there.

    Raises ValueError, naming the column, for disagreeing shapes. Numbers are finite: `marl_market.env.step.faults` sees
    to it.

    Attributes:
        reward: (T, R); 0 for a seat outside the market. The rewards of steps without an action belong to the action
            before them, so that the value of the next action's state is discounted by the steps in between.
        active: (T, R), the agent acted in the step; the other columns hold nothing to learn from where it did not.
        terminated: (T, R), the seat left the market in the step, for good.
        observation: (T + 1, R, D), before each action and at the close.
        action: (T, R, A).
        action_mask: (T + 1, R, C), 1 for each legal choice; None for actions without a mask.
        extra: further columns (T, R, ...) by name: the `extra` of the policy's `Decision`s.
        close_terminates: whether the value after the close is zero; else it is that of the last observation, see
            `marl_market.env.environment.EnvironmentSpec.close_terminates`.
    """

    reward: Floats
    active: Flags
    terminated: Flags
    observation: Floats
    action: Floats
    action_mask: Masks | None = None
    extra: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    close_terminates: bool = True

    def __post_init__(self) -> None:
        if self.reward.ndim != 2:
            raise ValueError(f"rollout.reward has shape {self.reward.shape}; it must be (steps, rows)")
        steps, rows = self.reward.shape
        for name in ("active", "terminated"):
            self._check_shape(name, getattr(self, name), (steps, rows))
        self._check_shape("observation", self.observation, (steps + 1, rows, self.observation.shape[-1]))
        self._check_shape("action", self.action, (steps, rows, self.action.shape[-1]))
        if self.action_mask is not None:
            self._check_shape("action_mask", self.action_mask, (steps + 1, rows, self.action_mask.shape[-1]))
        for name, column in self.extra.items():
            self._check_shape(f"extra[{name!r}]", column, (steps, rows, *column.shape[2:]))

    @classmethod
    def without_actions(cls, reward: Floats, active: Flags, terminated: Flags) -> Rollout:
        """Return the rollout of policies that play inside the compiled step, columns `(T, R)` each."""
        steps, rows = reward.shape
        return cls(
            reward,
            active,
            terminated,
            np.zeros((steps + 1, rows, 0), np.float32),
            np.zeros((steps, rows, 0), np.float32),
        )

    @classmethod
    def join(cls, rollouts: Sequence[Rollout]) -> Rollout:
        """Return one rollout of the rows of all `rollouts`, in their order."""
        parts = {column.name: [getattr(each, column.name) for each in rollouts] for column in fields(cls)}
        extra, close_terminates = parts.pop("extra"), parts.pop("close_terminates")
        columns: dict[str, Any] = {
            name: None if part[0] is None else np.concatenate(part, axis=1) for name, part in parts.items()
        }
        joined = {name: np.concatenate([each[name] for each in extra], axis=1) for name in extra[0]}
        return cls(**columns, extra=joined, close_terminates=close_terminates[0])

    def __len__(self) -> int:
        return int(np.count_nonzero(self.active))

    @property
    def done(self) -> Flags:
        """Return the ends of episodes (T, R): where a seat left, and the close."""
        done = self.terminated.copy()
        done[-1] = True
        return done

    @property
    def terminal(self) -> Flags:
        """Return the ends of episodes after which the value is zero (T, R); after the others it is bootstrapped."""
        return self.done if self.close_terminates else self.terminated

    @property
    def has_actions(self) -> bool:
        """Return whether observations and actions are recorded: those of external agents are."""
        return self.action.shape[-1] > 0

    def of_rows(self, rows: slice) -> Rollout:
        """Return the rollout of a slice of its rows, as views."""
        return Rollout(
            reward=self.reward[:, rows],
            active=self.active[:, rows],
            terminated=self.terminated[:, rows],
            observation=self.observation[:, rows],
            action=self.action[:, rows],
            action_mask=None if self.action_mask is None else self.action_mask[:, rows],
            extra={name: column[:, rows] for name, column in self.extra.items()},
            close_terminates=self.close_terminates,
        )

    @staticmethod
    def _check_shape(name: str, column: NDArray[Any], wanted: tuple[int, ...]) -> None:
        if column.shape != wanted:
            raise ValueError(f"rollout.{name} has shape {column.shape}; beside the other columns it must be {wanted}")
