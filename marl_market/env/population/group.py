"""Who sits where: agents, and groups of seats that share one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from marl_market.env.interface.schemes import ActionScheme
from marl_market.env.population.participation import Participation
from marl_market.market.latency import Latency
from marl_market.market.spec import MarketSpec

PRIVILEGES = ("events", "fundamental")
"""What an agent may name in `privileges`."""


class Agent(Protocol):
    """A mind as parameters; its memory lives in the seat.

    Attributes:
        trader: compiled function of signature `marl_market.env.interface.signatures.TRADER`; None where it decides outside the step.
        observes: whether the seat's observation is encoded for it each step.
        warms_up: whether it acts before the session opens.
        params_per_market: whether every market has a mind of its own (a candidate of an evolution).

    More attributes are for the few that need them: `privileges`, a tuple of what else the seat is shown ("events": the
    public history is kept up to date; "fundamental": `seat.agent.signal` is the fundamental value in ticks), `moves_fundamental`,
    whether `seat.agent.drift` moves the fundamental value, and `params_per_seat`, whether every seat has a mind of its own.
    """

    @property
    def trader(self) -> Any: ...
    @property
    def observes(self) -> bool: ...
    @property
    def warms_up(self) -> bool: ...
    @property
    def params_per_market(self) -> bool: ...

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return what goes into the mind record, in ticks, lots and steps, for one of `seats` seats."""
        ...


@runtime_checkable
class TrainedAgent(Agent, Protocol):
    """An agent whose mind is more than parameters: it writes what it has learned, once, where it is seated.

    Attributes:
        observation_size: how many numbers it has learned to see.
    """

    @property
    def observation_size(self) -> int: ...

    def write_params(self, params: NDArray[np.void], rows: slice) -> None:
        """Write what it knows into its mind records."""
        ...


@dataclass(frozen=True)
class External:
    """A mind outside the step: its actions are arguments of each step."""

    trader = None
    observes = True
    warms_up = False
    params_per_market = False

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return none: the mind is elsewhere."""
        return ()


@dataclass(frozen=True)
class Group:
    """Seats that share a mind.

    Attributes:
        name: what the group is called in results.
        agent: the mind.
        count: number of seats in each market.
        presence: when each of them comes and goes; None: it is there for the whole session.
        latency: how far they are from the venue; None for what the market says.
        action: what its seats can do; None: what the environment says.
        shared: whether its seats learn with one mind, if they learn; else each has its own and learns for itself.
    """

    name: str
    agent: Agent
    count: int = 1
    participation: Participation | None = None
    latency: Latency | None = None
    action: ActionScheme | None = None
    parameter_sharing: bool = True

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"population.{self.name}.count is {self.count}; a group has one seat or more")
        if not set(self.privileges) <= set(PRIVILEGES):
            raise ValueError(
                f"population.{self.name}.agent.sees is {self.privileges}; it must name some of {PRIVILEGES}"
            )

    @property
    def privileges(self) -> tuple[str, ...]:
        """Return what the seats are shown beyond what every seat sees."""
        return tuple(getattr(self.agent, "privileges", ()))

    @property
    def params_per_seat(self) -> bool:
        """Return whether every seat has a mind of its own in the market's records."""
        return bool(getattr(self.agent, "params_per_seat", False))

    @property
    def moves_fundamental(self) -> bool:
        """Return whether the seats move the fundamental value."""
        return bool(getattr(self.agent, "moves_fundamental", False))
