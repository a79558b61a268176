"""BatchMarket: many markets in lock-step on arrays. Everything else is a face of it.

Why a batch: a compiled step of one market costs less than a call from Python, so one call steps them all. Why
lock-step: all markets of a batch share the session clock, so episodes begin and end together and an iteration is a
whole number of sessions.

Assumptions: seats decide simultaneously; a market of equal seed, agents and actions goes the same way bit for bit,
in any batch, on any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from marl_market.env.agent import Group, TrainedAgent
from marl_market.env.agent import external as external_trader
from marl_market.env.fundamental import FundamentalPaths
from marl_market.env.paced import Paced, pace_parameters
from marl_market.env.paces.every_step import EveryStep
from marl_market.env.playable import ActionError, require_playable
from marl_market.env.presence import write_stays
from marl_market.env.scheme import (
    ActionScheme,
    ObservationScheme,
    PaceScheme,
    PrivilegedScheme,
    RewardScheme,
    choices_of,
    mask_size_of,
    require,
)
from marl_market.env.step import reset_markets, step_parallel, step_serial
from marl_market.env.trader import MIND, MIND_PARAMETERS, PART, REWARD_PARAMETERS, REWARD_PART
from marl_market.exchange.latency import connect
from marl_market.exchange.lifecycle import allocate_markets
from marl_market.exchange.records import REWARD_PARTS, SEAT_ACTIONS, SEAT_CHOICES, SEAT_OBSERVATION
from marl_market.market.latency import Latency
from marl_market.market.spec import MarketSpec

DATA_STEPS = 64
"""How late market data can be at most, in steps: so many public records every market then keeps."""


class Step(NamedTuple):
    """What a step hands out; the arrays are written anew by the next step.

    Attributes:
        observation: (markets, external seats, observation size) float32.
        reward: (markets, seats) float32, for every seat; 0 where it was not in the market.
        terminated: (markets, seats) bool, the seat has left the market in this step and will not come back.
        truncated: whether the session is over, for all markets at once.
        acts: (markets, seats) bool, the seat decides in the next step: it is in the market and awake. What others get
            as observation is what they were last shown, and an action for them is not played.
    """

    observation: NDArray[np.float32]
    reward: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    truncated: bool
    acts: NDArray[np.bool_]


@dataclass(frozen=True)
class Environment:
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
    pace: PaceScheme = field(default_factory=EveryStep)

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
        """Return how many numbers an observation has."""
        return sum(part.size for part in self.observation.values())

    @property
    def action_size(self) -> int:
        """Return how many numbers an action has, that of the group with the most."""
        return max(self.action_of(group.name).size for group in self.groups)

    @property
    def mask_size(self) -> int:
        """Return how many choices an action mask covers, that of the group with the most; 0 where nobody has one."""
        return max(mask_size_of(self.action_of(group.name)) for group in self.groups)

    def action_of(self, name: str) -> ActionScheme:
        """Return what the group `name` can do, its pace included; raises KeyError where there is none."""
        for group in self.groups:
            if group.name == name:
                action = self.unpaced_action_of(group)
                return action if self.pace.choices == 0 else Paced(action, self.pace)
        raise KeyError(f"population has no group {name!r}; it has {[group.name for group in self.groups]}")

    def unpaced_action_of(self, group: Group) -> ActionScheme:
        """Return what the seats of a group can do, pace apart: its own action, or the environment's."""
        return self.action if group.action is None else group.action

    def seats_of(self, name: str) -> slice:
        """Return the seats of the group `name`; raises KeyError where there is none."""
        first = 0
        for group in self.groups:
            if group.name == name:
                return slice(first, first + group.count)
            first += group.count
        raise KeyError(f"population has no group {name!r}; it has {[group.name for group in self.groups]}")


def part_of(scheme: ObservationScheme | PrivilegedScheme) -> tuple[int, int, bool, bool]:
    """Return the fields of PART for a part of the observation."""
    if isinstance(scheme, PrivilegedScheme):
        return scheme.privileged_encoder.address, scheme.size, False, True
    return scheme.encoder.address, scheme.size, scheme.shared, False


class BatchMarket:
    """B markets of one environment in lock-step.

    Attributes:
        environment: what is run.
        markets: (B,) market records, see `marl_market.exchange.records`.
        lines: what lies between seats and venues, see `marl_market.exchange.latency`; None where nothing is late.
        minds: mind records; `mind_rows[name]` are the rows of a group, one, or B where each market has its own.
        external: (E,) seats whose actions come from outside, in the order of the action and observation arrays.
        choices: (E, action size) int64, how many choices each number has, 0 where it may be any; None if all may.
        mask: (B, E, choices) uint8, 1 for each choice of a discrete action that does something now, those of each
            number of the action in turn and zeros behind the last; written anew by each reset and step, and empty
            where nobody's actions have a mask.
        observation: (B, E, observation size) float32, what external seats were last shown; written anew likewise.
        acts: (B, seats) bool, which seats decide in the next step, see `Step`; written anew by each reset and step.
    """

    def __init__(self, environment: Environment, markets: int, threads: int = 1) -> None:
        """Allocate and fill `markets` markets; `threads` above one shares them out over cores."""
        if markets < 1:
            raise ValueError(f"markets is {markets}; a batch has one or more")
        if not 1 <= threads <= numba.config.NUMBA_NUM_THREADS:
            raise ValueError(f"threads is {threads}; this machine offers 1 to {numba.config.NUMBA_NUM_THREADS}")
        self.environment = environment
        self.threads = threads
        self.markets = allocate_markets(environment.spec, markets, environment.seats)
        self.lines = connect(self.markets, environment.latencies, environment.spec.step_ns)
        self.minds, self.mind_rows = self._seat_groups()
        self._paths = FundamentalPaths(environment.spec, environment.groups, self.markets)
        self._parts = np.array([part_of(scheme) for scheme in environment.observation.values()], PART)
        self.markets["public"]["digests"] = any(part.digests for part in environment.observation.values()) or any(
            "events" in group.sees for group in environment.groups
        )
        scores = [(part.reward.address, part.weight) for part in environment.reward.values()]
        self._reward_parts = np.array(scores, REWARD_PART)
        self.observation = np.zeros((markets, self.external.size, environment.observation_size), np.float32)
        self.mask = np.zeros((markets, self.external.size, environment.mask_size), np.uint8)
        self._mask_address, self.choices = self._describe_actions()
        self._reward = np.zeros((markets, environment.seats), np.float32)
        self._turns = np.zeros((2, markets, environment.seats), np.bool_)
        self.acts, self._terminated = self._turns
        self._action_shape = (markets, self.external.size, environment.action_size)
        self._steps_left = 0

    def _seat_groups(self) -> tuple[NDArray[np.void], dict[str, slice]]:
        """Write every seat's functions and what every mind knows; return the minds and their rows by group."""
        environment, count = self.environment, self.markets.size
        rows: dict[str, slice] = {}
        used = 0
        for group in environment.groups:
            rows[group.name] = slice(used, used + (count if group.agent.mind_per_market else 1))
            used = rows[group.name].stop
        minds = np.zeros(used, MIND)
        external: list[int] = []
        for group in environment.groups:
            agent, mind_rows, seats = group.agent, rows[group.name], environment.seats_of(group.name)
            action = environment.action_of(group.name)
            own = action.parameters(environment.spec) if agent.observes else None
            parameters = agent.parameters(environment.spec, group.count) if own is None else own
            if len(parameters) > MIND_PARAMETERS:
                raise ValueError(f"population.{group.name} has {len(parameters)} parameters, at most {MIND_PARAMETERS}")
            minds["parameter"][mind_rows, : len(parameters)] = parameters
            if isinstance(agent, TrainedAgent):
                inputs, seen = agent.observation_size, environment.observation_size
                if inputs != seen:
                    raise ValueError(
                        f"population.{group.name} has a policy of {inputs} inputs; observations have {seen}"
                    )
                agent.write_minds(minds, mind_rows)
            seat = self.markets["seat"][:, seats]
            seat["trader"] = agent.trader.address
            seat["decoder"] = action.decoder.address
            seat["pace"] = environment.pace.pacer.address if agent.observes and environment.pace.pacer else 0
            seat["mask"][..., : mask_size_of(action)] = 1  # no mask function writes the choices of a pace
            paced = pace_parameters(environment.unpaced_action_of(group), environment.pace, environment.spec)
            minds["pace_parameter"][mind_rows, : len(paced)] = paced
            seat["observes"] = agent.observes
            seat["warms_up"] = agent.warms_up
            seat["informed"] = "fundamental" in group.sees
            seat["steers"] = group.steers
            seat["place"] = np.arange(group.count)
            first = np.arange(mind_rows.start, mind_rows.stop)
            seat["mind"] = np.broadcast_to(first[:, None], (count, group.count))
            if agent.trader is external_trader:
                external += range(seats.start, seats.stop)
        for place, (name, part) in enumerate(environment.reward.items()):
            parameters = part.parameters(environment.spec)
            if len(parameters) > REWARD_PARAMETERS:
                raise ValueError(f"reward.{name} has {len(parameters)} parameters, at most {REWARD_PARAMETERS}")
            minds["reward_parameter"][:, place, : len(parameters)] = parameters
        self.markets["visited"] = any(group.presence is not None for group in environment.groups)
        self.external = np.array(external, np.int64)
        return minds, rows

    def _describe_actions(self) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
        """Return each seat's mask function, 0 for none, and how many choices each number of each external seat has.

        The second has shape (external seats, action size), with 0 for numbers that are no choice; None where none is.
        """
        environment = self.environment
        address = np.zeros(environment.seats, np.int64)
        choices = np.zeros((environment.seats, environment.action_size), np.int64)
        for group in environment.groups:
            scheme, seats = environment.action_of(group.name), environment.seats_of(group.name)
            address[seats] = 0 if scheme.mask is None else scheme.mask.address
            found = choices_of(scheme.space)
            if found is not None:
                choices[seats, : found.size] = found
        own = choices[self.external]
        return address, own if own.any() else None

    def reset(self, seeds: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float32]:
        """Open every market, market i from `seeds[i]`, warm it up, and return the first observation."""
        if len(seeds) != self.markets.size:
            raise ValueError(f"seeds has {len(seeds)} entries; {self.markets.size} markets need one each")
        spec, words = self.environment.spec, self.environment.seats + 1
        random = np.stack([np.random.SeedSequence(int(seed)).generate_state(words, np.uint64) for seed in seeds])
        for group in self.environment.groups:
            if group.presence is not None:
                seats = self.environment.seats_of(group.name)
                write_stays(group.presence, random[:, 1:][:, seats], self.markets["seat"][:, seats], spec.session_steps)
        self._paths.draw(seeds)
        numba.set_num_threads(self.threads)
        reset_markets(
            self.markets,
            self.minds,
            self._parts,
            self._mask_address,
            self.external,
            spec.step_ns,
            random,
            spec.initial_price_ticks,
            spec.warmup_steps,
            self.observation,
            self.mask,
            self._turns,
        )
        self._steps_left = spec.session_steps
        return self.observation

    def step(self, action: NDArray[np.float32]) -> Step:
        """Step all markets with `action` of shape (markets, external seats, action size).

        Numbers beyond a seat's own action are not read. A choice of a discrete action is a whole number from 0 on.
        Raises ActionError for another shape, a type that is not float32, a value that is not finite or no such choice
        (nothing is changed then), and RuntimeError when the session is over.
        """
        if self._steps_left == 0:
            raise RuntimeError("the session is over (or has not begun): call reset before step")
        if action.shape != self._action_shape or action.dtype != np.float32:
            raise ActionError(
                f"action has shape {action.shape} and type {action.dtype}; "
                f"it must be float32 of shape {self._action_shape} (markets, external seats, numbers)"
            )
        if not action.flags.carray:  # another layout, or read-only memory, would compile another kernel
            action = action.copy(order="C")
        require_playable(action, self.choices)
        kernel = step_serial if self.threads == 1 else step_parallel
        if self.threads > 1:
            numba.set_num_threads(self.threads)
        kernel(
            self.markets,
            self.minds,
            self._parts,
            self._reward_parts,
            self._mask_address,
            self.external,
            self.environment.spec.step_ns,
            action,
            self.observation,
            self.mask,
            self._reward,
            self._turns,
        )
        self._steps_left -= 1
        return Step(self.observation, self._reward, self._terminated, self._steps_left == 0, self.acts)

    def conservation_errors(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return, for each market, the sum of positions in lots and of cash plus the venue's fees in cash units.

        Both are zero as long as nobody's gain comes from nowhere.
        """
        account = self.markets["seat"]["account"]
        return account["position"].sum(1), account["cash"].sum(1) + self.markets["fees_collected"]
