"""Rollouts as sequences of decisions, with the hidden states of recurrent networks.

The sequence of a row is all its decisions of a session, without the inactive steps between them. It is cut into chunks
of equal length; gradients flow back to the beginning of a chunk, whose initial state is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.base import ACTOR, CRITIC, ENCODER_OUT
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModule

from marl_market.agents.rllib.batches.advantages import GAEConnector, values_of
from marl_market.agents.rllib.internals import critic_of, padded_key
from marl_market.agents.rllib.networks.device import to_device_of
from marl_market.agents.rllib.networks.recurrent_state import flatten_state, state_size_of, unflatten_state
from marl_market.agents.rollout import Floats, Rollout

ACTOR_STATE, CRITIC_STATE = "actor_state", "critic_state"


@dataclass(frozen=True, eq=False)
class SequenceChunks:
    """The chunks of the sequences of a rollout, the first chunks of all rows before the second ones.

    Attributes:
        step: step of each entry, (S, L); behind the end of a sequence it means nothing.
        row: row of each chunk, (S,).
        number: of the chunks of its row before it, (S,).
        valid: False for entries behind the end of a sequence, (S, L).
    """

    step: NDArray[np.int64]
    row: NDArray[np.int64]
    number: NDArray[np.int64]
    valid: NDArray[np.bool_]

    def take(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the entries (S, L, ...) of a column (T, R, ...), zeros behind the ends."""
        taken = values[self.step, self.row[:, None]]
        taken[~self.valid] = 0
        return taken

    def put(self, entries: NDArray[Any], steps: int, rows: int) -> NDArray[Any]:
        """Return the column (steps, rows) of these entries (S, L), zeros elsewhere."""
        column = np.zeros((steps, rows), entries.dtype)
        column[self.step[self.valid], np.broadcast_to(self.row[:, None], self.step.shape)[self.valid]] = entries[
            self.valid
        ]
        return column


def chunks_of(rollout: Rollout, length: int) -> SequenceChunks:
    """Return the chunks of up to `length` decisions; raises ValueError for a row with decisions after its end."""
    active, steps = rollout.active, len(rollout.active)
    over = np.maximum.accumulate(rollout.done, axis=0)
    if (active[1:] & over[:-1]).any():
        raise ValueError(
            "rollout has rows of other than one whole session; a hidden state begins and ends with the session"
        )
    count = active.sum(axis=0)
    order = np.argsort(~active, axis=0, kind="stable")
    number, row = np.nonzero(count > np.arange(0, count.max(), length)[:, None])
    place = number[:, None] * length + np.arange(length)
    return SequenceChunks(
        step=order[np.minimum(place, steps - 1), row[:, None]],
        row=row,
        number=number,
        valid=place < count[row][:, None],
    )


def recurrent_values(module: Any, observation: Floats, chunks: SequenceChunks, rows: int) -> tuple[Floats, Floats]:
    """Return the critic's values (S, L), and its hidden state at the beginning of each chunk (S, M).

    Args:
        module: an actor-critic module with a critic network of its own.
        observation: entries of the chunks, (S, L, D).
        chunks: of the rows' sequences, each of which begins with a state of zeros.
        rows: number of rows.
    """
    encoder, head = critic_of(module)
    states = np.zeros((rows, state_size_of(module)), np.float32)
    value = np.empty(chunks.valid.shape, np.float32)
    initial_states = np.empty((len(chunks.row), states.shape[1]), np.float32)
    for number in range(int(chunks.number.max()) + 1):
        here = np.flatnonzero(chunks.number == number)
        initial_states[here] = states[chunks.row[here]]
        given, state = torch.from_numpy(observation[here]), unflatten_state(torch.from_numpy(initial_states[here]))
        batch = to_device_of(module, {Columns.OBS: given, Columns.STATE_IN: state})
        with torch.no_grad():
            encoded = encoder(batch)
            value[here] = head(encoded[ENCODER_OUT]).squeeze(-1).cpu().numpy()
        states[chunks.row[here]] = flatten_state(encoded[Columns.STATE_OUT])
    return value, initial_states


def closing_values(module: Any, rollout: Rollout) -> Floats:
    """Return the critic's value (R,) of the observation at the close, of a recurrent module behind all decisions."""
    if not module.is_stateful():
        return values_of(module, rollout.observation[-1])
    steps, rows = rollout.reward.shape
    seen = np.concatenate([rollout.active, np.ones((1, rows), np.bool_)])
    count = seen.sum(axis=0)
    sequences = SequenceChunks(
        step=np.argsort(~seen, axis=0, kind="stable").T,
        row=np.arange(rows),
        number=np.zeros(rows, np.int64),
        valid=np.arange(steps + 1) < count[:, None],
    )
    value, _ = recurrent_values(module, sequences.take(rollout.observation), sequences, rows)
    return value[np.arange(rows), count - 1]


class RecurrentGAEConnector(GAEConnector):
    """Turn rollouts into a train batch of chunks (chunks, length, ...) and their initial states.

    The policy's states are those it acted with, the critic's are computed anew; the chunks are shuffled.
    """

    def __init__(self, discount: float, gae_lambda: float, length: int) -> None:
        super().__init__(discount, gae_lambda)
        self.length = length

    # RLlib passes the argument `episodes` of `Learner.update` on as it is.
    def __call__(  # type: ignore[override]
        self, *, rl_module: MultiRLModule, episodes: Sequence[Rollout], shared_data: dict[str, Any], **_: Any
    ) -> dict[str, dict[str, Any]]:
        """Return the train batch of `episodes`; raises ValueError for a learner of several modules."""
        ((name, batch),) = super().__call__(rl_module=rl_module, episodes=episodes).items()
        state = {ACTOR: unflatten_state(batch.pop(ACTOR_STATE)), CRITIC: unflatten_state(batch.pop(CRITIC_STATE))}
        lengths = batch[Columns.SEQ_LENS].cpu()  # RLlib reads them one by one
        shared_data[padded_key(name)] = True
        return {name: {**batch, Columns.STATE_IN: state, Columns.SEQ_LENS: lengths}}

    def _entries(self, module: Any, rollout: Rollout) -> dict[str, NDArray[Any]]:
        if "state" not in rollout.extra:
            raise ValueError("rollout has no column 'state'; a recurrent policy learns from its hidden states")
        chunks = chunks_of(rollout, self.length)
        steps, rows = rollout.reward.shape
        entries, critic_state = recurrent_values(module, chunks.take(rollout.observation), chunks, rows)
        # Only the values of decisions are used and, where the close truncates, those of the last observation.
        value = chunks.put(entries, steps + 1, rows)
        if not rollout.close_terminates:
            value[-1] = closing_values(module, rollout)
        columns = {column: chunks.take(values) for column, values in self._columns(module, rollout, value).items()}
        return {
            **columns,
            Columns.LOSS_MASK: chunks.valid,
            Columns.SEQ_LENS: chunks.valid.sum(axis=1, dtype=np.int32),
            ACTOR_STATE: rollout.extra["state"][chunks.step[:, 0], chunks.row],
            CRITIC_STATE: critic_state,
        }
