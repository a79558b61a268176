"""The description of an environment: market, population, observation, action, reward and timing schemes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from marl_market.env.actions.per_instrument import PerInstrumentAction
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
"""Longest delay of market data in steps, and number of public records that a market with such a delay keeps."""


@dataclass(frozen=True)
class EnvironmentSpec:
    """The description of an environment.

    Attributes:
        spec: the market.
        groups: the population of each market, in seat order.
        observation: parts of an observation by name, in this order.
        action: action scheme of groups without one of their own.
        reward: parts of a reward by name; the reward is their weighted sum.
        timing: decision timing: the steps in which an agent that has acted acts again.
        debug: whether traders and schemes run uncompiled, and markets in one thread: `print` and pdb work in them then.
    """

    spec: MarketSpec
    groups: Sequence[Group]
    observation: Mapping[str, ObservationScheme | PrivilegedScheme]
    action: ActionScheme
    reward: Mapping[str, RewardScheme]
    timing: TimingScheme = field(default_factory=EveryStep)
    debug: bool = False

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
            size, mask_size = self.action_of(group.name).size, mask_size_of(self.action_of(group.name))
            if not 1 <= size <= SEAT_ACTIONS:
                raise ValueError(f"{key} has {size} numbers; it must have 1 to {SEAT_ACTIONS}")
            require(mask_size <= SEAT_CHOICES, f"choices of {key}", mask_size, f"{SEAT_CHOICES} or fewer")
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
            data_delay = self.latency_of(group).data
            longest = f"{data_delay.longest_ns:.4g} ns are the longest"
            wanted = f"at most {DATA_STEPS} steps of {self.spec.step_ns} ns, {longest}"
            require(
                data_delay.steps(self.spec.step_ns) <= DATA_STEPS,
                f"population.{group.name}.latency.data",
                data_delay,
                wanted,
            )

    @property
    def seats(self) -> int:
        """Return the number of seats in each market."""
        return sum(group.count for group in self.groups)

    @property
    def latencies(self) -> list[Latency]:
        """Return the latency of each seat."""
        return [self.latency_of(group) for group in self.groups for _ in range(group.count)]

    def latency_of(self, group: Group) -> Latency:
        """Return the latency of the seats of a group: its own, or the market's."""
        return self.spec.latency if group.latency is None else group.latency

    @property
    def observation_size(self) -> int:
        """Return the size of an observation, all instruments included."""
        return len(self.spec.instruments) * sum(part.size for part in self.observation.values())

    @property
    def action_size(self) -> int:
        """Return the size of an action, the largest of all groups."""
        return max(self.action_of(group.name).size for group in self.groups)

    @property
    def mask_size(self) -> int:
        """Return the size of an action mask, the largest of all groups; 0 if none has a mask."""
        return max(mask_size_of(self.action_of(group.name)) for group in self.groups)

    def action_of(self, name: str) -> ActionScheme:
        """Return the action scheme of the group `name`, for all instruments and with its timing.

        Raises KeyError for an unknown group.
        """
        for group in self.groups:
            if group.name == name:
                action = self.single_action_of(group)
                if len(self.spec.instruments) > 1:
                    return PerInstrumentAction(action, len(self.spec.instruments))
                return action if self.timing.choices == 0 else TimedAction(action, self.timing)
        raise KeyError(f"population has no group {name!r}; it has {[group.name for group in self.groups]}")

    def single_action_of(self, group: Group) -> ActionScheme:
        """Return the action scheme of a group for one instrument, without timing: its own or the environment's."""
        return self.action if group.action is None else group.action

    def agents_of(self, name: str) -> list[str]:
        """Return the names of the agents of the group `name`; raises KeyError for an unknown group."""
        seats = self.seats_of(name)
        return [f"{name}_{index}" for index in range(seats.stop - seats.start)]

    def seats_of(self, name: str) -> slice:
        """Return the seats of the group `name`; raises KeyError for an unknown group."""
        start = 0
        for group in self.groups:
            if group.name == name:
                return slice(start, start + group.count)
            start += group.count
        raise KeyError(f"population has no group {name!r}; it has {[group.name for group in self.groups]}")
