"""What every learning group can do, whatever the algorithm: the only thing that training knows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Agent

Floats = NDArray[np.float32]
Masks = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What the seats of an external group saw and did: T steps, R = markets * seats rows, market by market.

    Attributes:
        observation: what each row saw before each decision and at the close, (T + 1, R, D).
        action: what it decided, (T, R, A).
        decided: whether it did, (T, R) bool: not where it was not in the market, or slept. What stands in the other
            columns there has not been seen or played and is nothing to learn from; the rewards of a sleep belong to
            the decision before it. So what follows a decision is worth discount ** (steps to the next one).
        left: whether it left the market in the step, for good, (T, R) bool.
        columns: what the learner's `act` gave beside the actions, (T, R, ...) each.
        mask: which choices of a discrete action were allowed at each decision and at the close, (T + 1, R, choices);
            None where actions have no mask.
    """

    observation: Floats
    action: Floats
    decided: NDArray[np.bool_]
    left: NDArray[np.bool_]
    columns: Mapping[str, NDArray[Any]]
    mask: Masks | None = None

    @property
    def ended(self) -> NDArray[np.bool_]:
        """Return whether the row's episode ended for good in the step, (T, R): where it left, and at the close.

        The clock is among the observations, so the value of what follows the close is zero and not bootstrapped
        (Pardo et al. 2018, arXiv:1712.00378, section 3).
        """
        ended = self.left.copy()
        ended[-1] = True
        return ended


@dataclass(frozen=True, eq=False)
class Experience:
    """One session of one group in every market of a batch.

    Attributes:
        reward: of each step, (T, R), rows as in `Trajectory`; 0 where a seat was not in the market.
        trajectory: of external groups; None where the mind played inside the step.
    """

    reward: Floats
    trajectory: Trajectory | None = None


class Decision(NamedTuple):
    """What R rows do and go on with.

    Attributes:
        action: (R, A).
        memory: what each row will remember when it decides next, (R, M).
        columns: what learning needs to know of the decision, (R, ...) each.
    """

    action: Floats
    state: Floats
    columns: Mapping[str, NDArray[Any]]


class MarketShard(NamedTuple):
    """Which of a run's markets a batch plays: those from `start` to before `stop`, of `total`."""

    start: int
    stop: int
    total: int


class Actor(Protocol):
    """What can be asked for the actions of seats, outside the step.

    It keeps nothing of what it saw: its memory is a value that whoever asks carries from decision to decision, one row
    of numbers for each seat of each market.

    Attributes:
        memory_size: how many numbers a row remembers, M; 0 for most.
    """

    @property
    def state_size(self) -> int: ...

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return what each row does, having seen `observation` (R, D) and remembering `state` (R, M).

        `noise` (R, A) is standard normal and explores; None asks for what the mind thinks best. `mask` (R, choices)
        says which choices of a discrete action are allowed; None: all.
        """
        ...


class EpisodeActor(Actor, Protocol):
    """What plays one group while a session is sampled; it is asked for actions where the group is external."""

    def prepare(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Write what plays inside the step into the batch's minds; called before each session.

        `shard` says which of the run's markets the batch plays; None: all.
        """


class Policy(Agent, Protocol):
    """What a mind has learned, as an agent that plays and learns no more.

    It plays compiled, inside the step (`marl_market.agents.policies.fixed_policy.CompiledPolicy`), or it is an
    `ExternalPolicy`.

    Attributes:
        weights: all that it has learned, flat (N,).
    """

    @property
    def weights(self) -> Floats: ...


@runtime_checkable
class ExternalPolicy(Policy, Actor, Protocol):
    """A policy that does not compile: whoever plays a session asks it for the actions of its seats."""


def initial_state(actor: Actor, rows: int) -> Floats:
    """Return what `rows` remember that have decided nothing yet, (rows, M)."""
    return np.zeros((rows, actor.state_size), np.float32)


class DistributedActor(EpisodeActor, Protocol):
    """A mind that can play elsewhere."""

    def get_weights(self) -> Any:
        """Return what a mind born alike needs in order to act as this one does now; picklable, to be read only."""

    def set_weights(self, shared: Any) -> None:
        """Act as the mind does whose `get_weights` this is; what it learned from stays with that one."""


class Learner(DistributedActor, Protocol):
    """The mind of one group while it learns."""

    def learn(self, experience: Experience) -> dict[str, float]:
        """Get better from one session; return metrics."""

    def policy(self) -> Policy:
        """Return what the mind has learned so far."""
        ...

    def get_state(self) -> dict[str, Any]:
        """Return all that the next session depends on, as a picklable copy."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""


@runtime_checkable
class LearningAgent(Agent, Protocol):
    """An agent that can learn."""

    def learner(self, environment: EnvironmentSpec, group: str, seed: int) -> Learner:
        """Return a newborn learner for the group of this name; the same seed gives the same one."""
