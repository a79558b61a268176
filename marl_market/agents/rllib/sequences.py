"""Whole rollouts as sequences: the learner pipeline of RLlib's IMPALA and APPO, without a Python call an episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ray.rllib.connectors.connector_v2 import ConnectorV2
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModule

from marl_market.agents.rllib.categorical import as_space
from marl_market.agents.rllib.masked_module import ACTION_MASK
from marl_market.agents.rllib.rollout import Rollout


class Sequences(ConnectorV2):
    """Turn rollouts into the train batch of the learner's one module, row after row: {module: {column: (R * T, ...)}}.

    Every row is one sequence of `steps` decisions, in time order, as V-trace reads them; the order of rows is
    shuffled from NumPy's global stream. RLlib's V-trace knows no value of what follows the last decision, so that
    each row has to terminate there.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    # RLlib hands on whatever `Learner.update` was given as episodes.
    def __call__(  # type: ignore[override]
        self, *, rl_module: MultiRLModule, episodes: Sequence[Rollout], **_: Any
    ) -> dict[str, dict[str, torch.Tensor]]:
        """Return the train batch of `episodes`; raises ValueError for rows that V-trace cannot read."""
        (name,) = rl_module.keys()
        parts = [self._columns(rl_module[name].action_space, rollout) for rollout in episodes]
        order = np.random.permutation(sum(rollout.reward.shape[1] for rollout in episodes))  # noqa: NPY002
        batch = {column: np.concatenate([part[column] for part in parts])[order] for column in parts[0]}
        return {
            name: {column: torch.from_numpy(values.reshape(-1, *values.shape[2:])) for column, values in batch.items()}
        }

    def _columns(self, space: Any, rollout: Rollout) -> dict[str, NDArray[Any]]:
        """Return the columns of a rollout, (R, T, ...) each."""
        steps = len(rollout.reward)
        if steps != self.steps or rollout.truncated.any() or not rollout.terminated[-1].all():
            raise ValueError(f"rollout of {steps} steps; V-trace needs {self.steps}, the last of which terminates")
        columns: dict[str, NDArray[Any]] = {
            Columns.OBS: rollout.observation[:-1],
            Columns.ACTIONS: as_space(rollout.action, space),
            Columns.ACTION_LOGP: rollout.action_logp,
            Columns.ACTION_DIST_INPUTS: rollout.action_dist_inputs,
            Columns.REWARDS: rollout.reward,
            Columns.TERMINATEDS: rollout.terminated,
            Columns.LOSS_MASK: np.ones(rollout.reward.shape, np.bool_),
        }
        if rollout.action_mask is not None:
            columns[ACTION_MASK] = rollout.action_mask
        return {column: values.swapaxes(0, 1) for column, values in columns.items()}
