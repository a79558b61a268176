"""The whole description of an environment, as a config says it: what is traded, who trades, what is seen and done."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from marl_market.env.actions.per_instrument import Repeated
from marl_market.env.actions.timed import TimedAction
from marl_market.env.interface.records import REWARD_PARTS, SEAT_ACTIONS, SEAT_CHOICES, SEAT_OBSERVATION
from marl_market.env.interface.schemes import (
    ActionScheme,
    ObservationScheme,
    PrivilegedScheme,
    RewardScheme,
    TimingScheme,
    mask_size_of,
)
from marl_market.env.population.group import Group
from marl_market.env.timing.every_step import EveryStep
from marl_market.market.latency import Latency
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

DATA_STEPS = 64
"""How late market data can be at most, in steps: so many public records every market then keeps."""


@dataclass(frozen=True)
class EnvironmentSpec:
    """The whole description of an environment: what is traded, who trades, what is seen, done and scored.

    Attributes:
        spec: the market.
        groups: who sits in each market, in seat order.
        observation: parts of what observing seats see, by name, in this order.
        action: what deciding seats can do, but for groups that have an action of their own.
        reward: parts of what seats are scored by, by name; a reward is the weighted sum of them.
        pace: when a seat that has acted acts again.
    """

    spec: MarketSpec
    groups: Sequence[Group]
    observation: Mapping[str, ObservationScheme | PrivilegedScheme]
    action: ActionScheme
    reward: Mapping[str, RewardScheme]
    timing: TimingScheme = field(default_factory=EveryStep)

    def __post_init__(self) -> None:
        if not self.groups:
            raise ValueError("population is empty; it must have one group or more")
        names = [group.name for group in self.groups]
        if len(set(names)) < len(names):
            raise ValueError(f"population has two groups of one name: {names}")
        if not 1 <= self.observation_size <= SEAT_OBSERVATION:
            raise ValueError(f"observation has {self.observation_size} numbers; it must have 1 to {SEAT_OBSERVATION}")
        for group in self.groups:
            key = "action" if group.action is None else f"population.{group.name}.action"
            size, masked = self.action_of(group.name).size, mask_size_of(self.action_of(group.name))
            if not 1 <= size <= SEAT_ACTIONS:
                raise ValueError(f"{key} has {size} numbers; it must have 1 to {SEAT_ACTIONS}")
            require(masked <= SEAT_CHOICES, f"choices of {key}", masked, f"{SEAT_CHOICES} or fewer")
        if not isinstance(self.reward, Mapping) or not 1 <= len(self.reward) <= REWARD_PARTS:
            raise ValueError(f"reward is {self.reward!r}; it must be 1 to {REWARD_PARTS} schemes, each by a name")
        for name, part in self.reward.items():
            require(math.isfinite(part.weight), f"reward.{name}.weight", part.weight, "a finite number")
        several = len(self.spec.instruments) > 1
        require(
            not several or self.timing.choices == 0,
            "timing",
            self.timing,
            "every_step where there are several instruments",
        )
        for group in self.groups:
            late = self.latency_of(group).data
            wanted = f"at most {DATA_STEPS} steps of {self.spec.step_ns} ns, {late.longest_ns:.4g} ns are the longest"
            require(late.steps(self.spec.step_ns) <= DATA_STEPS, f"population.{group.name}.latency.data", late, wanted)

    @property
    def seats(self) -> int:
        """Return the number of seats in each market."""
        return sum(group.count for group in self.groups)

    @property
    def latencies(self) -> list[Latency]:
        """Return how far each seat is from the venue."""
        return [self.latency_of(group) for group in self.groups for _ in range(group.count)]

    def latency_of(self, group: Group) -> Latency:
        """Return how far the seats of a group are from the venue: its own latency, or the market's."""
        return self.spec.latency if group.latency is None else group.latency

    @property
    def observation_size(self) -> int:
        """Return how many numbers an observation has, all instruments included."""
        return len(self.spec.instruments) * sum(part.size for part in self.observation.values())

    @property
    def action_size(self) -> int:
        """Return how many numbers an action has, that of the group with the most."""
        return max(self.action_of(group.name).size for group in self.groups)

    @property
    def mask_size(self) -> int:
        """Return how many choices an action mask covers, that of the group with the most; 0 where nobody has one."""
        return max(mask_size_of(self.action_of(group.name)) for group in self.groups)

    def action_of(self, name: str) -> ActionScheme:
        """Return what the group `name` can do in all instruments, its pace included; raises KeyError for no group."""
        for group in self.groups:
            if group.name == name:
                action = self.single_action_of(group)
                if len(self.spec.instruments) > 1:
                    return Repeated(action, len(self.spec.instruments))
                return action if self.timing.choices == 0 else TimedAction(action, self.timing)
        raise KeyError(f"population has no group {name!r}; it has {[group.name for group in self.groups]}")

    def single_action_of(self, group: Group) -> ActionScheme:
        """Return what the seats of a group can do in one instrument, pace apart: their own action or the general."""
        return self.action if group.action is None else group.action

    def agents_of(self, name: str) -> list[str]:
        """Return what the seats of the group `name` are called one by one; raises KeyError where there is none."""
        seats = self.seats_of(name)
        return [f"{name}_{number}" for number in range(seats.stop - seats.start)]

    def seats_of(self, name: str) -> slice:
        """Return the seats of the group `name`; raises KeyError where there is none."""
        first = 0
        for group in self.groups:
            if group.name == name:
                return slice(first, first + group.count)
            first += group.count
        raise KeyError(f"population has no group {name!r}; it has {[group.name for group in self.groups]}")
