"""The description of an environment: market, population, observation, action, reward and timing schemes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from gymnasium.spaces import Box

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
    require_action,
    require_schemes,
)
from marl_market.env.interface.spaces import num_choices_of
from marl_market.env.interface.values import Value, values_of
from marl_market.env.population.group import Group
from marl_market.env.timing.every_step import EveryStep
from marl_market.exchange.capacity import CAPACITY_SEATS
from marl_market.market.latency import Latency
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require, require_instance

DATA_STEPS = 64
"""Longest delay of market data in steps, and number of public records that a market with such a delay keeps."""

CAPACITIES = "marl_market/env/interface/records.py"
"""The file of the capacities that errors name; a larger one is compiled once more."""


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
        require(isinstance(self.debug, bool), "debug", self.debug, "true or false")
        require_instance("market", self.spec, "a MarketSpec", ("instruments", "session_steps"))
        if not self.groups:
            raise ValueError("population is empty; it must have one group or more")
        for group in self.groups:
            require(isinstance(group, Group), "population", group, "a sequence of groups, such as Group(name, agent)")
        most = max(CAPACITY_SEATS.values())
        require(self.seats <= most, "number of seats of the population", self.seats, f"{most} or less")
        attributes = ("encoder", "size", "shared", "tracks_history")
        require_schemes("observation", self.observation, attributes, "{'book': Book()}")
        require_schemes("reward", self.reward, ("reward", "weight", "parameters"), "{'profit': Profit()}")
        require_action("action", self.action)
        require_instance("timing", self.timing, "a scheme such as EveryStep()", ("timing_function", "choices"))
        names = [group.name for group in self.groups]
        if len(set(names)) < len(names):
            raise ValueError(f"population has two groups of one name: {names}")
        if not 1 <= self.observation_size <= SEAT_OBSERVATION:
            raise ValueError(
                f"observation has {self.observation_size} numbers; it must have 1 to {SEAT_OBSERVATION} "
                f"(SEAT_OBSERVATION in {CAPACITIES})"
            )
        for group in self.groups:
            key = "action" if group.action is None else f"population.{group.name}.action"
            size, mask_size = self.action_of(group.name).size, mask_size_of(self.action_of(group.name))
            if not 1 <= size <= SEAT_ACTIONS:
                raise ValueError(
                    f"{key} has {size} numbers; it must have 1 to {SEAT_ACTIONS} (SEAT_ACTIONS in {CAPACITIES})"
                )
            wanted = f"{SEAT_CHOICES} or fewer (SEAT_CHOICES in {CAPACITIES})"
            require(mask_size <= SEAT_CHOICES, f"choices of {key}", mask_size, wanted)
        if not 1 <= len(self.reward) <= REWARD_PARTS:
            raise ValueError(
                f"reward is {self.reward!r}; it must be 1 to {REWARD_PARTS} schemes, each by a name "
                f"(REWARD_PARTS in {CAPACITIES})"
            )
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

    def observation_slices(self, instrument: int = 0) -> dict[str, slice]:
        """Return the slice of an observation that each part fills, by name, for instrument number `instrument`."""
        offset = instrument * self.observation_size // len(self.spec.instruments)
        slices = {}
        for name, part in self.observation.items():
            slices[name] = slice(offset, offset + part.size)
            offset += part.size
        return slices

    @property
    def observation_values(self) -> tuple[Value, ...]:
        """Return name, unit and bounds of each value of an observation.

        Names are "<part>.<value>", and "<instrument>.<part>.<value>" where there are several instruments. Raises
        ConfigError for a part that declares another number of values than its size.
        """
        return tuple(
            value._replace(name=f"{prefix}{name}.{value.name}")
            for prefix in self._prefixes
            for name, part in self.observation.items()
            for value in values_of(part, f"observation.{name}")
        )

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of each value of an observation, see `observation_values`."""
        return tuple(value.name for value in self.observation_values)

    @property
    def observation_space(self) -> Box:
        """Return the space of observations, float32, with the bounds of each value; infinite where it has none."""
        bounds = np.array([(value.low, value.high) for value in self.observation_values], np.float32)
        return Box(bounds[:, 0], bounds[:, 1], dtype=np.float32)

    def action_values(self, name: str) -> tuple[Value, ...]:
        """Return name, unit and bounds of each value of an action of the group `name`.

        Names have the prefix "<instrument>." where there are several; the choice of a decision timing, "timing", comes
        last. Raises KeyError for an unknown group.
        """
        action = self.action_of(name)
        single = values_of(self.single_action_of(next(group for group in self.groups if group.name == name)), "action")
        values = [value._replace(name=prefix + value.name) for prefix in self._prefixes for value in single]
        values += [Value("timing", "choice of the decision timing")] * (action.size - len(values))
        choices = num_choices_of(action.space)
        counts = [0] * action.size if choices is None else choices.tolist()
        bounds = [(0.0, count - 1.0) if count else (-1.0, 1.0) for count in counts]
        return tuple(value._replace(low=low, high=high) for value, (low, high) in zip(values, bounds, strict=True))

    def action_names(self, name: str) -> tuple[str, ...]:
        """Return the name of each value of an action of the group `name`, see `action_values`."""
        return tuple(value.name for value in self.action_values(name))

    @property
    def _prefixes(self) -> list[str]:
        """Return what the names of the values of each instrument begin with: nothing for the only one."""
        further = list(self.spec.further_instruments)
        return [f"{name}." for name in (self.spec.name, *further)] if further else [""]

    @property
    def close_terminates(self) -> bool:
        """Return whether the close of a session is terminal: the value after it is zero, and nothing is bootstrapped.

        It is where agents observe the clock, which a part of the observation says by `shows_clock`. Where none does, an
        observation at the close is like any other, and its value stands for what the session cut off: the close
        truncates (Pardo et al. 2018, arXiv:1712.00378, sections 3 and 4). The only place that decides it, for learners,
        `MarketEnv`, `FocalEnv` and RLlib's episodes alike.
        """
        return any(getattr(part, "shows_clock", False) for part in self.observation.values())

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
