"""Who sits where: agents, and groups of seats that share one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from marl_market.env.scheme import ActionScheme
from marl_market.env.trader import DECODE, trader
from marl_market.market.spec import MarketSpec


@trader
def external(public, seat, mind):  # type: ignore[no-untyped-def]
    """Play the action that the caller of the step put into the seat."""
    return DECODE


class Agent(Protocol):
    """A mind as parameters; its memory lives in the seat.

    Attributes:
        trader: compiled function of signature `marl_market.env.trader.TRADER`.
        observes: whether the seat's observation is encoded for it each step.
        warms_up: whether it acts before the session opens.
        mind_per_market: whether every market has a mind of its own (a candidate of an evolution).
    """

    @property
    def trader(self) -> Any: ...
    @property
    def observes(self) -> bool: ...
    @property
    def warms_up(self) -> bool: ...
    @property
    def mind_per_market(self) -> bool: ...

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return what goes into the mind record, in ticks, lots and steps, for one of `seats` seats."""
        ...


@dataclass(frozen=True)
class External:
    """A mind outside the step: its actions are arguments of each step."""

    trader = external
    observes = True
    warms_up = False
    mind_per_market = False

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
        action: what its seats can do; None: what the environment says.
    """

    name: str
    agent: Agent
    count: int = 1
    action: ActionScheme | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"population.{self.name}.count is {self.count}; a group has one seat or more")
