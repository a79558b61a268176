"""Rollouts as sequences of decisions, and what a recurrent network remembers on the way through them.

A row's sequence is all its decisions of a session, whatever was slept through in between. It is cut into parts of equal
length; gradients flow back to the beginning of a part, and what was remembered there is given.
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

from marl_market.agents.rllib.batches.advantages import GAEConnector
from marl_market.agents.rllib.networks.device import to_device_of
from marl_market.agents.rollout import Floats, Rollout

ACTOR_STATE, CRITIC_STATE = "actor_memory", "critic_memory"


def state_size_of(module: Any) -> int:
    """Return how many numbers an actor-critic module's policy remembers: hidden and cell state of its LSTM, if any."""
    return 2 * int(module.model_config["lstm_cell_size"]) if module.is_stateful() else 0


def unflatten_state(memory: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return memories (R, M) in the form that RLlib's recurrent encoders take, (R, layers, cells) each."""
    hidden, cell = memory[:, None].chunk(2, dim=-1)
    return {"h": hidden.contiguous(), "c": cell.contiguous()}


def flatten_state(state: dict[str, torch.Tensor]) -> Floats:
    """Return memories (R, M) of what RLlib's recurrent encoders hand out."""
    return torch.cat([state["h"], state["c"]], dim=-1)[:, 0].cpu().numpy()


def padded_key(module: str) -> str:
    """Return where a connector tells RLlib that a module's sequences are padded, or it would not shuffle them."""
    return f"_zero_padded_for_mid={module}"


@dataclass(frozen=True, eq=False)
class SequenceChunks:
    """Where the parts of a rollout's sequences stand, the first ones of all rows before the second ones.

    Attributes:
        step: step of each entry, (S, L); behind the end of a sequence it means nothing.
        row: row of each part, (S,).
        number: how many parts of its row are before it, (S,).
        valid: whether an entry is a decision and not behind the end, (S, L).
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
        """Return the column (steps, rows) that has these entries (S, L), and zeros elsewhere."""
        column = np.zeros((steps, rows), entries.dtype)
        column[self.step[self.valid], np.broadcast_to(self.row[:, None], self.step.shape)[self.valid]] = entries[
            self.valid
        ]
        return column


def chunks_of(rollout: Rollout, length: int) -> SequenceChunks:
    """Return the parts of up to `length` decisions; raises ValueError where a row's memory would outlive an episode."""
    active, steps = rollout.active, len(rollout.active)
    over = np.maximum.accumulate(rollout.done, axis=0)
    if (active[1:] & over[:-1]).any():
        raise ValueError("rollout has rows of other than one whole session; a memory begins and ends with the session")
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
    """Return the critic's values (S, L), and what it remembers at the beginning of each part (S, M).

    Args:
        module: an actor-critic module of its own critic network.
        observation: entries of the parts, (S, L, D).
        parts: where they stand, of `rows` rows that begin without a memory.
        rows: as above.
    """
    memory = np.zeros((rows, state_size_of(module)), np.float32)
    value = np.empty(chunks.valid.shape, np.float32)
    initial_states = np.empty((len(chunks.row), memory.shape[1]), np.float32)
    for number in range(int(chunks.number.max()) + 1):
        here = np.flatnonzero(chunks.number == number)
        initial_states[here] = memory[chunks.row[here]]
        given, state = torch.from_numpy(observation[here]), unflatten_state(torch.from_numpy(initial_states[here]))
        batch = to_device_of(module, {Columns.OBS: given, Columns.STATE_IN: state})
        with torch.no_grad():
            encoded = module.encoder.critic_encoder(batch)
            value[here] = module.vf(encoded[ENCODER_OUT]).squeeze(-1).cpu().numpy()
        memory[chunks.row[here]] = flatten_state(encoded[Columns.STATE_OUT])
    return value, initial_states


class RecurrentGAEConnector(GAEConnector):
    """Turn rollouts into a train batch of sequences (parts, length, ...) with what is remembered at their beginning.

    The policy's memory is the one it acted with, the critic's that of now; the parts are what is shuffled.
    """

    def __init__(self, discount: float, gae_lambda: float, length: int) -> None:
        super().__init__(discount, gae_lambda)
        self.length = length

    # RLlib hands on whatever `Learner.update` was given as episodes.
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
            raise ValueError("rollout has no memory; a recurrent policy learns from what it remembered")
        chunks = chunks_of(rollout, self.length)
        steps, rows = rollout.reward.shape
        entries, critic_memory = recurrent_values(module, chunks.take(rollout.observation), chunks, rows)
        # No value is asked for but those of decisions: each row terminates behind its last.
        value = chunks.put(entries, steps + 1, rows)
        columns = {column: chunks.take(values) for column, values in self._columns(module, rollout, value).items()}
        return {
            **columns,
            Columns.LOSS_MASK: chunks.valid,
            Columns.SEQ_LENS: chunks.valid.sum(axis=1, dtype=np.int32),
            ACTOR_STATE: rollout.extra["state"][chunks.step[:, 0], chunks.row],
            CRITIC_STATE: critic_memory,
        }
