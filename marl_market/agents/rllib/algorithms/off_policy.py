"""The fields of off-policy algorithms: a value learned from a replay buffer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from marl_market.agents.rllib.algorithms.algorithm import RLlibAlgorithm
from marl_market.agents.rllib.algorithms.fields import Count, CountOrZero, Positive, Range, Rate
from marl_market.market.validation import require_field

NoLSTM = Annotated[None, Range("None: only PPO and APPO can have one", lambda value: value is None)]


@dataclass(frozen=True)
class OffPolicyAlgorithm(RLlibAlgorithm):
    """Learn from the transitions of past sessions; hidden layers are tanh units.

    Raises ValueError where the replay buffer can hold neither an update's batch nor what the first update waits for.

    Attributes:
        lstm_size: None; transitions are sampled singly, without the session before them.
        n_step: decisions whose rewards are summed before the value of the next state.
        capacity: transitions of the replay buffer.
        learning_starts: decisions before the first update.
        batch_size: transitions of one update.
        decisions_per_update: decisions sampled for each update; those left over at the close count for the next
            session's.
        target_rate: step of an update of the target network towards the one that learns; 1 copies it.
        target_every: decisions between updates of the target network; 0: with every update.
        gradient_clip: largest norm of a gradient; None does not clip.
    """

    rllib_names: ClassVar = {
        "discount": "gamma",
        "target_rate": "tau",
        "target_every": "target_network_update_freq",
        "gradient_clip": "grad_clip",
        "n_step": "n_step",
    }
    learner_fields: ClassVar[Sequence[str]] = (
        "capacity",
        "n_step",
        "learning_starts",
        "batch_size",
        "decisions_per_update",
    )

    lstm_size: NoLSTM = None
    n_step: Count = 1
    capacity: Count = 100_000
    learning_starts: CountOrZero = 2_000
    batch_size: Count = 256
    decisions_per_update: Count = 32
    target_rate: Rate = 0.01
    target_every: CountOrZero = 0
    gradient_clip: Positive | None = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        least = max(self.learning_starts, self.batch_size)
        wanted = (
            f"{least} or more: learning starts with {self.learning_starts} transitions in the replay buffer, and an "
            f"update takes {self.batch_size}"
        )
        require_field(self, "capacity", self.capacity >= least, wanted)
