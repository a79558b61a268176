"""The interfaces of policies and learners, the same for every algorithm: all that sampling and training know of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.rollout import Floats, Masks, Rollout
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Agent


class Decision(NamedTuple):
    """The actions of R rows.

    Attributes:
        action: (R, A).
        state: hidden state before the next action, (R, S).
        extra: further columns of a `Rollout`, (R, ...) each, such as log probabilities.
    """

    action: Floats
    state: Floats
    extra: Mapping[str, NDArray[Any]]


class MarketShard(NamedTuple):
    """The markets of a run that one batch plays: those from `start` to before `stop`, of `total`."""

    start: int
    stop: int
    total: int


class Actor(Protocol):
    """A function from observations to actions outside the compiled step.

    It is stateless: the hidden state is a value that the caller carries from action to action.

    Attributes:
        state_size: numbers of a row's hidden state, S; 0 for a feedforward policy.
    """

    @property
    def state_size(self) -> int: ...

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return the actions of observations `(R, D)` and hidden states `(R, S)`.

        `noise` `(R, A)` is standard normal and explores; None asks for the greedy action. `mask` `(R, C)` is 1 for
        each legal choice; None: all are legal.
        """
        ...


def initial_state(actor: Actor, rows: int) -> Floats:
    """Return the hidden state `(rows, S)` before the first action."""
    return np.zeros((rows, actor.state_size), np.float32)


class EpisodeActor(Actor, Protocol):
    """An actor of one group that prepares for each episode; it is asked for actions if the group is external."""

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Write the parameters of compiled policies into the batch; called before each session.

        `shard` names the markets of the run that the batch plays; None: all.
        """


class Policy(Agent, Protocol):
    """A policy of fixed weights, as an agent.

    It plays inside the compiled step (`marl_market.agents.policies.fixed_policy.CompiledPolicy`), or it is an
    `ExternalPolicy`.

    Attributes:
        weights: all weights, flat (N,).
    """

    @property
    def weights(self) -> Floats: ...


@runtime_checkable
class ExternalPolicy(Policy, Actor, Protocol):
    """A policy that plays outside the compiled step, asked for the actions of its seats."""


class DistributedActor(EpisodeActor, Protocol):
    """An actor with copies in other processes."""

    def get_weights(self) -> Any:
        """Return all that a copy needs to act the same; picklable, to be read only."""

    def set_weights(self, weights: Any) -> None:
        """Act as the actor of these `get_weights`; optimizer and counters stay."""

    def get_state(self) -> dict[str, Any]:
        """Return all that the next session depends on, as a picklable copy."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""


class Learner(DistributedActor, Protocol):
    """A policy of one group and what updates it."""

    def learn(self, rollout: Rollout) -> dict[str, float]:
        """Update from the rollout of one session; return metrics."""

    def policy(self) -> Policy:
        """Return the current policy, greedy and of fixed weights."""
        ...


@runtime_checkable
class LearningAgent(Agent, Protocol):
    """An agent that can learn."""

    def learner(self, environment: EnvironmentSpec, group: str, seed: int) -> Learner:
        """Return an untrained learner for a group; the same seed gives the same one."""
