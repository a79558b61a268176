"""Agents, and groups of seats that share one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from marl_market.env.interface.schemes import ActionScheme, require_action, require_function
from marl_market.env.interface.session_reward import SessionReward
from marl_market.env.population.participation import Participation
from marl_market.env.population.traits import Traits
from marl_market.market.latency import Latency
from marl_market.market.replay_tape import ReplayTape
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import is_whole, require, require_instance


class Agent(Protocol):
    """An agent as a value; its memory lives in the seat.

    Attributes:
        trader: compiled function of the signature `TRADER` of `marl_market.env.interface.signatures`; None for an
            external agent.
        traits: see `marl_market.env.population.traits`.

    An agent may also have a `group_update`, a compiled function of the same signature: it is called once a step, before
    the seats of the group decide, with the first of them, also while that one is absent or asleep. It writes what they
    share, see `marl_market.env.interface.group_memory`, and may draw from that seat's stream.
    """

    @property
    def trader(self) -> Any: ...
    @property
    def traits(self) -> Traits: ...

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return its params.value, in ticks, lots and steps, for one of `seats` seats."""
        ...


def group_update_of(agent: Agent) -> Any:
    """Return the `group_update` of an agent, None for one without."""
    return getattr(agent, "group_update", None)


@runtime_checkable
class TrainedAgent(Agent, Protocol):
    """A compiled policy: an agent that writes its weights into PARAMS records.

    Attributes:
        observation_size: inputs of its network.
    """

    @property
    def observation_size(self) -> int: ...

    def write_params(self, params: NDArray[np.void], rows: slice) -> None:
        """Write its weights into `params[rows]`."""
        ...


@runtime_checkable
class ReplayAgent(Agent, Protocol):
    """An agent whose seats send recorded messages, see `marl_market.env.step.replay`.

    Attributes:
        start_seconds: time of the recording at which each session begins; None: drawn from its seed.
    """

    @property
    def start_seconds(self) -> float | None: ...

    def replay_tape(self, spec: MarketSpec) -> ReplayTape:
        """Return the messages, in ticks and lots of the market."""
        ...


@dataclass(frozen=True)
class External:
    """An external agent: its actions are arguments of each step."""

    trader = None
    traits = Traits(observes=True)

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return none: it plays outside the step."""
        return ()


@dataclass(frozen=True)
class Group:
    """Seats that share an agent.

    Attributes:
        name: its name in results.
        agent: the agent of its seats.
        count: number of seats in each market.
        participation: arrival and departure of each seat; None: present for the whole session.
        latency: delays between its seats and the venue; None for those of the market.
        action: its action scheme; None for that of the environment.
        parameter_sharing: whether its seats share one learner, if they learn; else each has its own.
        session_reward: term of its reward that depends on the tape of the whole session; None: none.
    """

    name: str
    agent: Agent
    count: int = 1
    participation: Participation | None = None
    latency: Latency | None = None
    action: ActionScheme | None = None
    parameter_sharing: bool = True
    session_reward: SessionReward | None = None

    def __post_init__(self) -> None:
        key = f"population.{self.name}"
        require(is_whole(self.count, 1), f"{key}.count", self.count, "a whole number of 1 or more")
        require_instance(f"{key}.agent", self.agent, "an agent such as External()", ("parameters", "trader", "traits"))
        traits = self.agent.traits
        require(isinstance(traits, Traits), f"{key}.agent.traits", traits, "a value of Traits")
        require_function(f"{key}.agent.trader", self.agent.trader, optional=True)
        require_function(f"{key}.agent.group_update", group_update_of(self.agent), optional=True)
        if self.action is not None:
            require_action(f"{key}.action", self.action)
