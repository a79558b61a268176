"""BatchMarket: many markets in lock-step on arrays. Everything else is a face of it.

Why a batch: a compiled step of one market costs less than a call from Python, so one call steps them all. Why
lock-step: all markets of a batch share the session clock, so episodes begin and end together and an iteration is a
whole number of sessions.

Assumptions: seats decide simultaneously; a market of equal seed, agents and actions goes the same way bit for bit,
in any batch, on any number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from marl_market.env.actions.validation import NO_CHOICES, ActionError, action_error
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.records import AGENT
from marl_market.env.interface.signatures import REWARD_PART
from marl_market.env.population.participation import write_participation
from marl_market.env.step.context import STEP_CONTEXT, address
from marl_market.env.step.fundamental import FundamentalPaths
from marl_market.env.step.kernels import reset_markets, stages_of, step_parallel, step_serial, unwrap_kernel_error
from marl_market.env.step.setup import external_seats, num_choices_of_seats, observation_parts, seat_groups
from marl_market.exchange.latency import connect
from marl_market.exchange.setup import allocate_instruments


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
    active: NDArray[np.bool_]


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


class BatchMarket:
    """B markets of one environment in lock-step.

    Attributes:
        environment: what is run.
        instruments: (instruments, B) market records, see `marl_market.exchange.records`.
        markets: (B,) those of the market's own instrument, the first.
        lines: what lies between seats and venues, see `marl_market.exchange.latency`; None where nothing is late.
        minds: mind records; `param_rows[name]` are the rows of a group: one, or B where each market has its own, or one
            a seat where each seat has.
        external: (E,) seats whose actions come from outside, in the order of the action and observation arrays.
        choices: (E, action size) int64, how many choices each number has, 0 where it may be any; None if all may.
        mask: (B, E, choices) uint8, 1 for each choice of a discrete action that does something now, those of each
            number of the action in turn and zeros behind the last; written anew by each reset and step, and empty
            where nobody's actions have a mask.
        observation: (B, E, observation size) float32, what external seats were last shown; written anew likewise.
        acts: (B, seats) bool, which seats decide in the next step, see `Step`; written anew by each reset and step.
    """

    def __init__(self, environment: EnvironmentSpec, markets: int, threads: int = 1) -> None:
        """Allocate and fill `markets` markets; `threads` above one shares them out over cores."""
        if markets < 1:
            raise ValueError(f"markets is {markets}; a batch has one or more")
        if not 1 <= threads <= numba.config.NUMBA_NUM_THREADS:
            raise ValueError(f"threads is {threads}; this machine offers 1 to {numba.config.NUMBA_NUM_THREADS}")
        self.environment = environment
        self.threads = threads
        self.instruments = allocate_instruments(environment.spec, markets, environment.seats, AGENT)
        self.markets = self.instruments[0]
        self.connections = connect(self.instruments.reshape(-1), environment.latencies, environment.spec.step_ns)
        self.external = external_seats(environment)
        self.params, self.param_rows = seat_groups(environment, self.instruments, self.external)
        self._paths = [
            FundamentalPaths(environment.spec, number, environment.groups, records)
            for number, records in enumerate(self.instruments)
        ]
        self._parts = observation_parts(environment)
        self.instruments["public"]["tracks_history"] = any(
            part.tracks_history for part in environment.observation.values()
        ) or any("events" in group.agent.traits.privileges for group in environment.groups)
        scores = [(part.reward.address, part.weight) for part in environment.reward.values()]
        self._reward_parts = np.array(scores, REWARD_PART)
        self.observation = np.zeros((markets, self.external.size, environment.observation_size), np.float32)
        self.mask = np.zeros((markets, self.external.size, environment.mask_size), np.uint8)
        self.choices = num_choices_of_seats(environment, self.external)
        self._reward = np.zeros((markets, environment.seats), np.float32)
        self.active, self._terminated = np.zeros((2, markets, environment.seats), np.bool_)
        self._action_shape = (markets, self.external.size, environment.action_size)
        self._steps_left = 0
        self._random = np.zeros((markets, environment.seats + 1), np.uint64)
        self._prices = np.array([instrument.initial_price_ticks for instrument in environment.spec.instruments])
        self._context = self._make_context()

    def _make_context(self) -> NDArray[np.void]:
        """Return the one STEP_CONTEXT of this batch, whose arrays stay where they are as long as it lives."""
        context = np.zeros(1, STEP_CONTEXT)
        context["step_ns"], context["warmup_steps"] = self.environment.spec.step_ns, self.environment.spec.warmup_steps
        context["seats"], context["external"] = self.environment.seats, self.external.size
        context["observation_size"], context["mask_size"] = (
            self.environment.observation_size,
            self.environment.mask_size,
        )
        context["instrument_size"] = self.environment.observation_size // len(self.instruments)
        context["part_count"], context["reward_count"] = self._parts.size, self._reward_parts.size
        context["own_parts"] = np.count_nonzero(self._parts["shared"] == 0)
        context["params_count"], context["action_size"] = self.params.size, self.environment.action_size
        for name, array in (
            ("parts", self._parts),
            ("rewards", self._reward_parts),
            ("params", self.params),
            ("observation", self.observation),
            ("mask", self.mask),
            ("reward", self._reward),
            ("active", self.active),
            ("terminated", self._terminated),
            ("random", self._random),
            ("prices", self._prices),
        ):
            context[name] = address(array)
        for name, stage in stages_of(self.markets.dtype).items():
            context[name] = stage.address
        return context

    def reset(self, seeds: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float32]:
        """Open every market, market i from `seeds[i]`, warm it up, and return the first observation."""
        if len(seeds) != self.markets.size:
            raise ValueError(f"seeds has {len(seeds)} entries; {self.markets.size} markets need one each")
        spec, words = self.environment.spec, self.environment.seats + 1
        random = self._random
        random[:] = [np.random.SeedSequence(int(seed)).generate_state(words, np.uint64) for seed in seeds]
        for group in self.environment.groups:
            if group.participation is not None:
                seats = self.environment.seats_of(group.name)
                for records in self.instruments:
                    write_participation(
                        group.participation, random[:, 1:][:, seats], records["seat"][:, seats], spec.session_steps
                    )
        for paths in self._paths:
            paths.draw(seeds)
        numba.set_num_threads(self.threads)
        try:
            reset_markets(self.markets, self._context)
        except SystemError as failure:
            raise unwrap_kernel_error(failure) from None
        self._steps_left = spec.session_steps
        return self.observation

    def step(self, action: NDArray[np.float32]) -> Step:
        """Step all markets with `action` of shape (markets, external seats, action size).

        Numbers beyond a seat's own action are not read. A choice of a discrete action is a whole number from 0 on.
        Raises ActionError for another shape, a type that is not float32, a value that is not finite or no such choice
        (nothing is changed then), RuntimeError when the session is over, and what a trader or another function in the
        step has raised: the markets are then as it left them.
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
        kernel = step_serial if self.threads == 1 else step_parallel
        if self.threads > 1:
            numba.set_num_threads(self.threads)
        try:
            played = kernel(self.markets, self._context, action, NO_CHOICES if self.choices is None else self.choices)
        except SystemError as failure:
            raise unwrap_kernel_error(failure) from None
        if not played:
            raise action_error(action, self.choices)
        self._steps_left -= 1
        return Step(self.observation, self._reward, self._terminated, self._steps_left == 0, self.active)

    def balances(self) -> Balances:
        """Return what every seat has made in the session so far, in all instruments."""
        account, public = self.instruments["seat"]["account"][..., : self.environment.seats], self.instruments["public"]
        half_worth = account["position"] * (public["twice_mark_ticks"] * public["cash_per_tick_lot"])[..., None]
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
