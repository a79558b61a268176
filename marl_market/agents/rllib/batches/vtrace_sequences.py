"""Whole rollouts as sequences: the learner pipeline of RLlib's IMPALA and APPO, without a Python call per episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ray.rllib.connectors.connector_v2 import ConnectorV2
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.base import ACTOR, CRITIC
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModule

from marl_market.agents.rllib.batches.decisions import discounted_rewards, ends, following_decision
from marl_market.agents.rllib.batches.recurrent import closing_values
from marl_market.agents.rllib.internals import padded_key
from marl_market.agents.rllib.networks.action_distribution import as_tensors
from marl_market.agents.rllib.networks.device import to_device_of
from marl_market.agents.rllib.networks.masked_module import ACTION_MASK
from marl_market.agents.rllib.networks.recurrent_state import state_size_of, unflatten_state
from marl_market.agents.rollout import Rollout


class VTraceSequences(ConnectorV2):
    """Turn rollouts into the train batch of the learner's one module, row after row: {module: {column: (R * T, ...)}}.

    Every row is one sequence of `steps` entries as V-trace reads them: its decisions in time order, and behind them
    entries that the loss leaves out, one for each step without a decision. Rows without any decision are left out
    altogether; the order of the others is shuffled from NumPy's global stream. RLlib's V-trace has no value after the
    last decision: each row terminates there. Where the close truncates, the critic's value of the observation at the
    close, as it is before the update, is therefore part of the last reward.

    Where a row decides again only after k steps, the rewards of all of them belong to the decision and the next value
    is discounted by discount ** k. V-trace discounts by one step and by 1 - terminated: the rest is in the latter.

    Recurrent networks get the rows as sequences, (R, T, ...).
    """

    def __init__(self, steps: int, discount: float) -> None:
        super().__init__()
        self.steps = steps
        self.discount = discount

    # RLlib passes the argument `episodes` of `Learner.update` on as it is.
    def __call__(  # type: ignore[override]
        self, *, rl_module: MultiRLModule, episodes: Sequence[Rollout], shared_data: dict[str, Any], **_: Any
    ) -> dict[str, dict[str, Any]]:
        """Return the train batch of `episodes`; raises ValueError for rollouts of other than `steps` steps."""
        (name,) = rl_module.keys()
        module = rl_module[name]
        parts = [self._columns(module, rollout) for rollout in episodes]
        order = np.random.permutation(sum(map(entries_of, episodes)) // self.steps)  # noqa: NPY002
        batch = {column: np.concatenate([part[column] for part in parts])[order] for column in parts[0]}
        if not module.is_stateful():
            batch = {column: values.reshape(-1, *values.shape[2:]) for column, values in batch.items()}
        action = as_tensors(batch.pop(Columns.ACTIONS), module.action_space)
        columns = {Columns.ACTIONS: action, **{column: torch.from_numpy(each) for column, each in batch.items()}}
        given = to_device_of(module, columns)
        if module.is_stateful():
            initial = to_device_of(module, unflatten_state(torch.zeros(len(order), state_size_of(module))))
            lengths = torch.full((len(order),), self.steps, dtype=torch.int32)  # RLlib reads them one by one
            shared_data[padded_key(name)] = True
            given |= {Columns.SEQ_LENS: lengths, Columns.STATE_IN: {ACTOR: initial, CRITIC: initial}}
        return {name: given}

    def _columns(self, module: Any, rollout: Rollout) -> dict[str, NDArray[Any]]:
        """Return the columns of a rollout, (R, T, ...) each."""
        steps = len(rollout.reward)
        if steps != self.steps:
            raise ValueError(f"rollout of {steps} steps; V-trace needs {self.steps}")
        active = rollout.active
        following = following_decision(active, rollout.done)
        elapsed = np.where(active, following - np.arange(steps)[:, None], 1)
        discount = (self.discount ** (elapsed - 1.0)).astype(np.float32)
        reward = discounted_rewards(rollout.reward, elapsed, self.discount)
        if not rollout.close_terminates:
            truncated = active & ends(rollout.done & ~rollout.terminal, following)
            reward += truncated * np.float32(self.discount) * discount * closing_values(module, rollout)
        columns: dict[str, NDArray[Any]] = {
            Columns.OBS: rollout.observation[:-1],
            Columns.ACTIONS: rollout.action,
            Columns.REWARDS: reward,
            Columns.TERMINATEDS: np.where(ends(rollout.done, following), np.float32(1), 1 - discount),
            Columns.LOSS_MASK: active,
        }
        if rollout.action_mask is not None:
            columns[ACTION_MASK] = rollout.action_mask[:-1]
        # Log probabilities, distribution inputs and the targets of auxiliary tasks, by their names in a batch.
        columns.update({name: values for name, values in rollout.extra.items() if name != "state"})
        rows = np.flatnonzero(active.any(axis=0))
        order = np.argsort(~active, axis=0, kind="stable")[:, rows]
        return {column: values[order, rows].swapaxes(0, 1) for column, values in columns.items()}


def entries_of(rollout: Rollout) -> int:
    """Return the number of entries of a rollout in the batch, those that the loss leaves out included."""
    return int(rollout.active.any(axis=0).sum()) * len(rollout.active)
