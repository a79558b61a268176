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
from marl_market.env.repeated import Repeated
from marl_market.env.scheme import (
    ActionScheme,
    ObservationScheme,
    PaceScheme,
    PrivilegedScheme,
    RewardScheme,
    choices_of,
    require,
)
from marl_market.env.step import reset_markets, step_parallel, step_serial
from marl_market.env.trader import MIND, MIND_PARAMETERS, PART, REWARD_PARAMETERS, REWARD_PART
from marl_market.exchange.latency import connect
from marl_market.exchange.lifecycle import allocate_instruments
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


class Balances(NamedTuple):
    """What seats have made, each of shape (markets, seats).

    Attributes:
        profit: cash plus positions at the mark, in cash units, after fees; what the venue gave is no profit.
        fees: paid less rebates, in cash units.
        trades: number of fills.
    """

    profit: NDArray[np.float64]
    fees: NDArray[np.int64]
    trades: NDArray[np.int64]


@dataclass(frozen=True)
class Environment:
    """The whole description of an environment: what is traded, who trades, what is seen, done and scored.

    Attributes:
        spec: the market.
        groups: who sits in each market, in seat order.
        observation: parts of what observing seats see, by name, in this order.
        action: what deciding seats can do.
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
        if not 1 <= self.action_size <= SEAT_ACTIONS:
            raise ValueError(f"action has {self.action_size} numbers; it must have 1 to {SEAT_ACTIONS}")
        require(self.mask_size <= SEAT_CHOICES, "choices of action", self.mask_size, f"{SEAT_CHOICES} or fewer")
        if not isinstance(self.reward, Mapping) or not 1 <= len(self.reward) <= REWARD_PARTS:
            raise ValueError(f"reward is {self.reward!r}; it must be 1 to {REWARD_PARTS} schemes, each by a name")
        for name, part in self.reward.items():
            require(math.isfinite(part.weight), f"reward.{name}.weight", part.weight, "a finite number")
        several = len(self.spec.instruments) > 1
        require(
            not several or self.pace.choices == 0, "pace", self.pace, "every_step where there are several instruments"
        )
        for group in self.groups:
            known = several and "fundamental" in group.sees
            require(
                not known, f"population.{group.name}.sees", group.sees, "without fundamental in several instruments"
            )
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
        """Return how many choices an action mask covers, those of each number in turn; 0 where actions have none."""
        action = self.action_of(self.groups[0].name)
        choices = choices_of(action.space)
        return 0 if choices is None or action.mask is None else int(choices.sum())

    def action_of(self, name: str) -> ActionScheme:
        """Return what the group `name` can do in all instruments, its pace included; raises KeyError for no group."""
        self.seats_of(name)
        if len(self.spec.instruments) > 1:
            return Repeated(self.action, len(self.spec.instruments))
        return self.action if self.pace.choices == 0 else Paced(self.action, self.pace)

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
        instruments: (instruments, B) market records, see `marl_market.exchange.records`.
        markets: (B,) those of the market's own instrument, the first.
        lines: what lies between seats and venues, see `marl_market.exchange.latency`; None where nothing is late.
        minds: mind records; `mind_rows[name]` are the rows of a group, one, or B where each market has its own.
        external: (E,) seats whose actions come from outside, in the order of the action and observation arrays.
        mask: (B, E, choices) uint8, 1 for each choice of a discrete action that does something now, those of each
            number of the action in turn; written anew by each reset and step, and empty where actions have no mask.
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
        self.instruments = allocate_instruments(environment.spec, markets, environment.seats)
        self.markets = self.instruments[0]
        self.lines = connect(self.instruments.reshape(-1), environment.latencies, environment.spec.step_ns)
        self.minds, self.mind_rows = self._seat_groups()
        self._paths = FundamentalPaths(environment.spec, environment.groups, self.markets)
        self._parts = np.array([part_of(scheme) for scheme in environment.observation.values()], PART)
        self.instruments["public"]["digests"] = any(part.digests for part in environment.observation.values()) or any(
            "events" in group.sees for group in environment.groups
        )
        scores = [(part.reward.address, part.weight) for part in environment.reward.values()]
        self._reward_parts = np.array(scores, REWARD_PART)
        self.observation = np.zeros((markets, self.external.size, environment.observation_size), np.float32)
        self.mask = np.zeros((markets, self.external.size, environment.mask_size), np.uint8)
        self._mask_address = 0 if environment.action.mask is None else environment.action.mask.address
        self._choices = choices_of(environment.action_of(environment.groups[0].name).space)
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
        # What follows belongs to the further instruments: in each, a group has one row for its rule or its decoder.
        own, further = used, len(environment.spec.instruments) - 1
        minds = np.zeros(own + further * len(environment.groups), MIND)
        self._place_groups(minds, self.markets, environment.spec, list(rows.values()), 0)
        for number in range(1, further + 1):
            spec = environment.spec.instruments[number]
            single = [slice(used + i, used + i + 1) for i in range(len(environment.groups))]
            self._place_groups(minds, self.instruments[number], spec, single, number)
            used += len(environment.groups)
        for group in environment.groups:
            if isinstance(group.agent, TrainedAgent):
                inputs, seen = group.agent.observation_size, environment.observation_size
                if inputs != seen:
                    raise ValueError(
                        f"population.{group.name} has a policy of {inputs} inputs; observations have {seen}"
                    )
                group.agent.write_minds(minds, rows[group.name])
        self.instruments["visited"] = any(group.presence is not None for group in environment.groups)
        seats = [
            environment.seats_of(group.name) for group in environment.groups if group.agent.trader is external_trader
        ]
        self.external = np.array(
            [seat for of_group in seats for seat in range(of_group.start, of_group.stop)], np.int64
        )
        return minds, rows

    def _place_groups(
        self, minds: NDArray[np.void], records: NDArray[np.void], spec: MarketSpec, rows: Sequence[slice], number: int
    ) -> None:
        """Write what seats and minds need in instrument `number`, in whose records each group has its `rows` of minds.

        A mind that observes decides in the first instrument; in others its seats play what it has decided there.
        """
        environment = self.environment
        for group, mind_rows in zip(environment.groups, rows, strict=True):
            agent, seats = group.agent, environment.seats_of(group.name)
            parameters = environment.action.parameters(spec) if agent.observes else agent.parameters(spec, group.count)
            if len(parameters) > MIND_PARAMETERS:
                raise ValueError(f"population.{group.name} has {len(parameters)} parameters, at most {MIND_PARAMETERS}")
            minds["parameter"][mind_rows, : len(parameters)] = parameters
            seat = records["seat"][:, seats]
            follows = agent.observes and number > 0
            seat["trader"] = (external_trader if follows else agent.trader).address
            seat["decoder"] = environment.action.decoder.address
            seat["action_offset"] = number * environment.action.size
            seat["pace"] = environment.pace.pacer.address if agent.observes and environment.pace.pacer else 0
            seat["mask"] = 1  # of the choices of a pace, which no mask function writes
            seat["observes"] = agent.observes
            seat["warms_up"] = agent.warms_up
            seat["informed"] = "fundamental" in group.sees
            seat["steers"] = group.steers
            seat["place"] = np.arange(group.count)
            seat["mind"] = np.broadcast_to(
                np.arange(mind_rows.start, mind_rows.stop)[:, None], (self.markets.size, group.count)
            )
            for place, (name, part) in enumerate(environment.reward.items()):
                parameters = part.parameters(spec)
                if len(parameters) > REWARD_PARAMETERS:
                    raise ValueError(f"reward.{name} has {len(parameters)} parameters, at most {REWARD_PARAMETERS}")
                minds["reward_parameter"][mind_rows, place, : len(parameters)] = parameters
            paced = pace_parameters(environment.action, environment.pace, spec)
            minds["pace_parameter"][mind_rows, : len(paced)] = paced

    def reset(self, seeds: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float32]:
        """Open every market, market i from `seeds[i]`, warm it up, and return the first observation."""
        if len(seeds) != self.markets.size:
            raise ValueError(f"seeds has {len(seeds)} entries; {self.markets.size} markets need one each")
        spec, words = self.environment.spec, self.environment.seats + 1
        random = np.stack([np.random.SeedSequence(int(seed)).generate_state(words, np.uint64) for seed in seeds])
        for group in self.environment.groups:
            if group.presence is not None:
                seats = self.environment.seats_of(group.name)
                for records in self.instruments:
                    write_stays(group.presence, random[:, 1:][:, seats], records["seat"][:, seats], spec.session_steps)
        self._paths.draw(seeds)
        numba.set_num_threads(self.threads)
        reset_markets(
            self.instruments,
            self.minds,
            self._parts,
            self._mask_address,
            self.external,
            spec.step_ns,
            random,
            np.array([instrument.initial_price_ticks for instrument in spec.instruments]),
            spec.warmup_steps,
            self.observation,
            self.mask,
            self._turns,
        )
        self._steps_left = spec.session_steps
        return self.observation

    def step(self, action: NDArray[np.float32]) -> Step:
        """Step all markets with `action` of shape (markets, external seats, action size).

        A choice of a discrete action is a whole number from 0 on. Raises ActionError for another shape, a type that
        is not float32, a value that is not finite or no such choice (nothing is changed then), and RuntimeError when
        the session is over.
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
        require_playable(action, self._choices)
        kernel = step_serial if self.threads == 1 else step_parallel
        if self.threads > 1:
            numba.set_num_threads(self.threads)
        kernel(
            self.instruments,
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

    def balances(self) -> Balances:
        """Return what every seat has made in the session so far, in all instruments."""
        account, public = self.instruments["seat"]["account"][..., : self.environment.seats], self.instruments["public"]
        half_worth = account["position"] * (public["mark_twice_ticks"] * public["cash_per_tick_lot"])[..., None]
        return Balances(
            profit=(account["cash"] + 0.5 * half_worth).sum(0),
            fees=account["fees"].sum(0),
            trades=account["trades"].sum(0),
        )

    def conservation_errors(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return, for each market, how far positions, and cash plus the venue's fees, are from adding up to nothing.

        Positions are in lots and of the instrument that is farthest from it, money is in cash units. Both are zero as
        long as nobody's gain comes from nowhere.
        """
        account = self.instruments["seat"]["account"]
        money = account["cash"].sum(-1) + self.instruments["fees_collected"]
        return np.abs(account["position"].sum(-1)).max(0), money.sum(0)
