"""What a group of seats lived through, as columns: the one thing a learner learns from.

Why columns: RLlib's episode objects cost a Python call an agent and step, a hundred times what a compiled market step
costs. A `Rollout` rides in the `episodes` list of `Learner.update` instead: it is no container to dm_tree, so RLlib
hands it, whole, to the learner connector.

Assumptions: a row is one seat of one market. Markets reset at once: where a row ends in step t, observation[t + 1] is
the first one of its next episode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Masks = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Rollout:
    """Hold T steps of R rows of one group; its length is the number of decisions.

    Raises ValueError, naming the column, where shapes disagree, an observation or reward is not finite, or the final
    observations are not exactly those of the truncated rows.

    Attributes:
        observation: what each row saw before each decision and after the last one, (T + 1, R, D).
        action: what it decided, (T, R, A).
        action_logp: log density of the action when it was drawn, (T, R).
        action_dist_inputs: what it was drawn from, (T, R, ...): means and log standard deviations (2A), or the scores
            of all choices.
        reward: reward of each step, (T, R); of a step without a decision it is one more of the decision before it.
        decided: whether the row decided, (T, R) bool; where it did not, there is nothing to learn from.
        terminated: whether the row's episode ended for good in the step, (T, R) bool.
        truncated: whether the clock cut the row's episode in the step, (T, R) bool; a step that does both terminates.
        final_observation: last observation of each truncated episode, (N, D).
        final_step: step of each of those, (N,).
        final_row: row of each of those, (N,).
        action_mask: which choices of a discrete action were allowed, (T, R, choices) uint8; None: all.
        memory: what each row remembered before each decision, (T, R, M); None for minds without a memory.
        extra: what else goes into the batch, by its name there, (T, R, ...) each.
    """

    observation: Floats
    action: Floats
    action_logp: Floats
    action_dist_inputs: Floats
    reward: Floats
    decided: NDArray[np.bool_]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    final_observation: Floats
    final_step: NDArray[np.int64]
    final_row: NDArray[np.int64]
    action_mask: Masks | None = None
    state: Floats | None = None
    extra: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.observation.ndim != 3 or self.action.ndim != 3:
            raise ValueError(
                f"rollout.observation has shape {self.observation.shape} and rollout.action {self.action.shape}; "
                "they must be (steps + 1, rows, observation size) and (steps, rows, action size)"
            )
        (steps, rows, _), size = self.action.shape, self.observation.shape[2]
        self._check_shape("observation", (steps + 1, rows, size))
        self._check_shape("action_dist_inputs", (steps, rows, self.action_dist_inputs.shape[-1]))
        if self.action_mask is not None:
            self._check_shape("action_mask", (steps, rows, self.action_mask.shape[-1]))
        if self.state is not None:
            self._check_shape("state", (steps, rows, self.state.shape[-1]))
        for name in ("action_logp", "reward", "decided", "terminated", "truncated"):
            self._check_shape(name, (steps, rows))
        self._check_shape("final_observation", (len(self.final_step), size))
        self._check_shape("final_row", (len(self.final_step),))
        for name in ("observation", "reward", "final_observation"):
            self._check_finite(name)
        self._check_finals()

    def __len__(self) -> int:
        return int(np.count_nonzero(self.decided))

    def _check_shape(self, name: str, wanted: tuple[int, ...]) -> None:
        found = getattr(self, name).shape
        if found != wanted:
            raise ValueError(f"rollout.{name} has shape {found}; beside the other columns it must be {wanted}")

    def _check_finite(self, name: str) -> None:
        finite = np.isfinite(getattr(self, name))
        if not finite.all():
            where = tuple(int(index) for index in np.argwhere(~finite)[0])
            raise ValueError(f"rollout.{name}{list(where)} is {getattr(self, name)[where]}; it must be finite")

    def _check_finals(self) -> None:
        needed = np.argwhere(self.truncated & ~self.terminated)
        given = np.stack([self.final_step, self.final_row], axis=1)
        order = np.lexsort((given[:, 1], given[:, 0]))
        if not np.array_equal(needed, given[order]):
            raise ValueError(
                f"rollout.final_step and final_row name {len(given)} ends that are not the {len(needed)} (step, row) "
                "pairs where truncated is set and terminated is not"
            )
