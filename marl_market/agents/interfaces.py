"""The interfaces of policies, learners and opponents, the same for every algorithm."""

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
    """The markets `start` to before `stop` of a run of `total` markets."""

    start: int
    stop: int
    total: int

    def __str__(self) -> str:
        return f"markets {self.start} to {self.stop - 1}"


class RunLength(NamedTuple):
    """The length of a run: `iterations` sessions of `session_steps` steps in each of `markets` markets."""

    iterations: int
    markets: int
    session_steps: int

    @property
    def env_steps(self) -> int:
        """Return the number of market steps of the run."""
        return self.iterations * self.markets * self.session_steps


class Actor(Protocol):
    """A function from observations to actions outside the compiled step.

    It is stateless: the caller carries the hidden state from action to action.

    Attributes:
        state_size: size of a row's hidden state, S; 0 for a feedforward policy.
    """

    @property
    def state_size(self) -> int: ...

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return the actions for observations `(R, D)` and hidden states `(R, S)`.

        `noise` `(R, A)` is standard normal exploration noise; None asks for greedy actions. `mask` `(R, C)` is 1 for
        each legal choice; None: all are legal.
        """
        ...


def initial_state(actor: Actor, rows: int) -> Floats:
    """Return the hidden state `(rows, S)` before the first action."""
    return np.zeros((rows, actor.state_size), np.float32)


@runtime_checkable
class EpisodeActor(Actor, Protocol):
    """The actor of one group; `act` is called if the group is external."""

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


class SavedPolicy(Policy, Protocol):
    """A policy whose weights are saved and read into a policy of the same shape."""

    def get_state(self) -> dict[str, Any]:
        """Return all weights as arrays and plain values."""
        ...

    def with_state(self, state: Mapping[str, Any]) -> SavedPolicy:
        """Return a policy of this shape with the weights of a `get_state`; raises ValueError for another shape."""
        ...


@runtime_checkable
class ExternalPolicy(Policy, Actor, Protocol):
    """A policy that plays outside the compiled step, asked for the actions of its seats."""


class Learner(EpisodeActor, Protocol):
    """A policy of one group and its update rule; the only interface of learners."""

    def learn(self, rollout: Rollout) -> dict[str, float]:
        """Update from the rollout of one session; return metrics."""

    def policy(self) -> Policy:
        """Return the current policy, greedy and of fixed weights."""
        ...

    def get_weights(self) -> Any:
        """Return the weights for `set_weights` of a copy in another process; picklable, read only."""

    def set_weights(self, weights: Any) -> None:
        """Act by the weights of another `get_weights`; optimizer and counters stay."""

    def get_state(self) -> dict[str, Any]:
        """Return weights, optimizer and counters: a copy, of arrays and plain values, see `plain_state.encode`."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""

    def load_weights(self, state: dict[str, Any]) -> None:
        """Begin from what was learned in a state of `get_state`, with another optimizer and other settings.

        Raises ConfigError, naming both sizes, for networks of another shape and the state of another kind of learner.
        """


@runtime_checkable
class RunLearner(Learner, Protocol):
    """A learner that has to know how long it will learn."""

    def begin_run(self, run: RunLength) -> None:
        """Take the length of the run, for schedules over fractions of it.

        Raises ConfigError for settings with which it cannot learn, and warns of those with which it will not in a run
        of this length.
        """


class Opponents(Protocol):
    """The groups that do not learn from experience but play policies that follow from those of learners."""

    def lineup(self, iteration: int) -> Mapping[str, EpisodeActor]:
        """Return the actors of an iteration by group name."""
        ...

    def update(self, iteration: int, learners: Mapping[str, Learner]) -> None:
        """Update from the learners as they are before `iteration`."""

    def policies(self) -> Mapping[str, Policy]:
        """Return the policy of each group for evaluation, by name."""
        ...

    def get_weights(self) -> dict[str, Any]:
        """Return the policies for `set_weights` of a copy in another process; picklable, read only."""
        ...

    def set_weights(self, weights: Mapping[str, Any]) -> None:
        """Play the policies of another `get_weights`."""

    def get_state(self) -> dict[str, Any]:
        """Return all that later lineups depend on, as arrays and plain values."""
        ...

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of `get_state`."""


@runtime_checkable
class LearningAgent(Agent, Protocol):
    """An agent that can learn."""

    def learner(self, environment: EnvironmentSpec, group: str, seed: int) -> Learner:
        """Return an untrained learner for a group; the same seed gives the same one."""
