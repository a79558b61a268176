"""Plays a market of free parameters and returns its tape: what a search calls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.clock import Clock
from marl_market.env.population.group import Group
from marl_market.env.recording.tape import TapeRecorder
from marl_market.env.rewards.profit import Profit
from marl_market.market.free_parameter import FreeParameter
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import Tape
from marl_market.market.validation import did_you_mean, require

PART_SECONDS = 120.0
"""Time that is played before the market is looked at."""
MOST_EVENTS = 10
"""Events for each message of the calibrated rates, beyond which traders excite each other without an end."""
FEWEST_EVENTS = 10_000


class FreeMarket(Protocol):
    """A market with its population, some of whose parameters are free."""

    @property
    def spec(self) -> MarketSpec: ...

    def free_parameters(self) -> Mapping[str, FreeParameter]:
        """Return the free parameters by name."""

    def values(self) -> Mapping[str, float]:
        """Return their values."""

    def with_values(self, values: Mapping[str, float]) -> Self:
        """Return a market with other values of some of them."""

    def groups(self) -> Sequence[Group]:
        """Return the population, which decides by itself."""


@dataclass(frozen=True)
class PopulationMarket:
    """A market whose free parameters are fields of its agents, with bounds that the caller gives.

    Attributes:
        spec: the market.
        population: the groups.
        parameters: bounds by "<group>.<field>", such as "noise.share".
    """

    spec: MarketSpec
    population: Sequence[Group]
    parameters: Mapping[str, FreeParameter]

    def __post_init__(self) -> None:
        known = [f"{group.name}.{name}" for group in self.population for name in vars(group.agent)]
        for name in self.parameters:
            require(name in known, "parameter", name, f"a field of an agent: {did_you_mean(name, known)}")

    def free_parameters(self) -> Mapping[str, FreeParameter]:
        """Return the free parameters by name."""
        return self.parameters

    def values(self) -> Mapping[str, float]:
        """Return their values."""
        agents = {group.name: group.agent for group in self.population}
        return {
            name: float(getattr(agents[name.partition(".")[0]], name.partition(".")[2])) for name in self.parameters
        }

    def with_values(self, values: Mapping[str, float]) -> PopulationMarket:
        """Return a market with other values of some of them."""
        return replace(self, population=[replace(group, agent=_changed(group, values)) for group in self.population])

    def groups(self) -> Sequence[Group]:
        """Return the population."""
        return self.population


def _changed(group: Group, values: Mapping[str, float]) -> Any:
    """Return the agent of a group with the values that are named after it."""
    own = {name.partition(".")[2]: value for name, value in values.items() if name.partition(".")[0] == group.name}
    agent: Any = group.agent
    return replace(agent, **own) if own else agent


@dataclass(frozen=True)
class Simulator:
    """Plays sessions of a market at given values of its free parameters.

    Attributes:
        market: the market.
        warmup_seconds: played before each session and not recorded.
    """

    market: FreeMarket
    warmup_seconds: float = 90.0

    def __call__(self, parameters: Mapping[str, float], seed: int, seconds: float) -> Tape:
        """Return the tape of one session; raises ValueError for one with events beyond all bounds."""
        market = self.market.with_values(parameters)
        step = market.spec.step_seconds
        steps, warmup = math.ceil(seconds / step), math.ceil(self.warmup_seconds / step)
        spec = replace(market.spec, session_steps=steps, warmup_steps=warmup)
        environment = EnvironmentSpec(spec, market.groups(), {"clock": Clock()}, Quotes(), {"profit": Profit()})
        batch = BatchMarket(environment, 1)
        batch.reset([seed])
        recorder = TapeRecorder(batch)
        recorder.open()
        played, events = 0, 0
        most = MOST_EVENTS * (spec.flow.limit_rate + spec.flow.market_rate + spec.flow.cancel_rate) * step
        while played < steps:
            part = min(max(1, round(PART_SECONDS / step)), steps - played)
            batch.play(part, recorders=[recorder])
            played, events = played + part, events + batch.events_of(0).size
            if events > most * played + FEWEST_EVENTS:
                raise ValueError(f"the market sends {events / (played * step):.3g} messages a second without an end")
        return recorder.tape()
