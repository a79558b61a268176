"""Who sits where: agents, and groups of seats that share one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from marl_market.env.interface.schemes import ActionScheme
from marl_market.env.population.participation import Participation
from marl_market.env.population.traits import Traits
from marl_market.market.latency import Latency
from marl_market.market.spec import MarketSpec


class Agent(Protocol):
    """A mind as parameters; its memory lives in the seat.

    Attributes:
        trader: compiled function of signature `marl_market.env.interface.signatures.TRADER`; None where it decides outside the step.
        traits: what the environment must provide for it, see `marl_market.env.population.traits`.
    """

    @property
    def trader(self) -> Any: ...
    @property
    def traits(self) -> Traits: ...

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
    traits = Traits(observes=True)

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
