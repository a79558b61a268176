"""What every learning group can do, whatever the algorithm: the only thing that training knows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.evolution.frozen import FrozenPolicy
from marl_market.env.agent import Agent
from marl_market.env.batch_market import BatchMarket, Environment

Floats = NDArray[np.float32]
Masks = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What the seats of an external group saw and did: T steps, R = markets * seats rows, market by market.

    Attributes:
        observation: what each row saw before each decision and at the close, (T + 1, R, D).
        action: what it decided, (T, R, A).
        columns: what the learner's `act` gave beside the actions, (T, R, ...) each.
        mask: which choices of a discrete action were allowed at each decision and at the close, (T + 1, R, choices);
            None where actions have no mask.
    """

    observation: Floats
    action: Floats
    columns: Mapping[str, NDArray[Any]]
    mask: Masks | None = None


@dataclass(frozen=True, eq=False)
class Experience:
    """One session of one group in every market of a batch.

    Attributes:
        reward: (T, R), rows as in `Trajectory`.
        trajectory: of external groups; None where the mind played inside the step.
    """

    reward: Floats
    trajectory: Trajectory | None = None


class Learner(Protocol):
    """The mind of one group while it learns."""

    def prepare(self, batch: BatchMarket) -> None:
        """Write what plays inside the step into the batch's minds; called before each session."""

    def act(
        self, observation: Floats, noise: Floats | None, mask: Masks | None = None
    ) -> tuple[Floats, dict[str, NDArray[Any]]]:
        """Return actions (R, A) for `observation` (R, D) and columns to remember with them.

        `noise` (R, A) is standard normal and explores; None asks for what the mind thinks best. `mask` (R, choices)
        says which choices of a discrete action are allowed; None: all. Called for external groups only.
        """

    def learn(self, experience: Experience) -> dict[str, float]:
        """Get better from one session; return metrics."""

    def policy(self) -> FrozenPolicy:
        """Return what the mind has learned so far, as a policy that plays compiled."""

    def get_state(self) -> dict[str, Any]:
        """Return all that the next session depends on, as a picklable copy."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""


@runtime_checkable
class LearningAgent(Agent, Protocol):
    """An agent that can learn."""

    def learner(self, environment: Environment, group: str, seed: int) -> Learner:
        """Return a newborn learner for the group of this name; the same seed gives the same one."""
