"""BatchMarket: many markets in lock-step on arrays; the environments wrap it.

Why a batch: a compiled step of one market costs less than a call from Python, so one call steps them all. Why
lock-step: all markets of a batch share the session clock, so episodes begin and end together and an iteration is a
whole number of sessions.

Assumptions: seats decide simultaneously; a market of equal seed, agents and actions is equal bit for bit in any
batch, on any number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import numba
import numpy as np
from numpy.typing import NDArray

from marl_market.env.actions.validation import NO_CHOICES, action_error, checked_action
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.recorder import Recorder
from marl_market.env.population.lineup import LineUp, agents_of_lineup, distinct, members_of
from marl_market.env.step.balances import Balances, balances_of, conservation_errors_of
from marl_market.env.step.context import address
from marl_market.env.step.faults import places_of_seats, take_fault
from marl_market.env.step.kernels import (
    INVALID_ACTIONS,
    play_in_parts,
    reset_parallel,
    reset_serial,
    run,
    step_parallel,
    step_serial,
)
from marl_market.env.step.memory import BatchMemory
from marl_market.env.step.outputs import Step
from marl_market.env.step.parameters import (
    require_adjustable,
    require_same_credit,
    separate_rows,
    write_parameters,
    write_spec,
    write_values,
)
from marl_market.env.step.replays import ReplayResults
from marl_market.env.step.session_state import SessionState
from marl_market.env.step.setup import draw_participation, external_seats, num_choices_of_seats, write_privileges
from marl_market.env.step.state import transfer_markets
from marl_market.exchange.connections import Connections
from marl_market.exchange.exclusive import exclusive, in_use_error
from marl_market.exchange.state import LOAD, MEASURE, SAVE
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


class BatchMarket:
    """B markets of one environment in lock-step.

    A batch can be copied, deep-copied and pickled, and continues independently in a forked process. Methods raise
    RuntimeError while another thread uses the same batch.

    Attributes:
        environment: the description of each market.
        threads: cores among which the markets are divided.
        instruments: (instruments, B) market records, see `marl_market.exchange.records`.
        markets: (B,) records of the market's own instrument, the first.
        connections: delays between seats and venues, see `marl_market.exchange.latency`; None without latency.
        members: by group name, its agents with their markets and PARAMS rows, see `set_lineup`.
        external: (E,) seats with an external agent in any market of the line-up, ascending.
        num_choices: (E, action size) number of choices of each value of an action, 0 if continuous; None if all are.
        mask: (B, E, choices) uint8, legal choices of each external seat's discrete action: those of its first value,
            then those of the next, zeros behind the last; overwritten by each reset and step, empty without masks.
        observation: (B, E, observation size) float32, the latest of external seats; overwritten likewise.
        active: (B, seats) bool, see `Step`; overwritten likewise.
        in_use: held while a thread uses the batch.
        tape: (session steps, B) TAPE_ROW records of the first instrument, row t written by step t; of size 0 unless the
            batch `records_tape`, or a group's `session_reward` needs it.
    """

    def __init__(
        self, environment: EnvironmentSpec, markets: int, threads: int = 1, records_tape: bool = False
    ) -> None:
        """Allocate and fill `markets` markets; `threads` above one divides them among cores, unless it is debugged."""
        if markets < 1:
            raise ValueError(f"markets is {markets}; a batch has one or more")
        if not 1 <= threads <= numba.config.NUMBA_NUM_THREADS:
            raise ValueError(f"threads is {threads}; this machine offers 1 to {numba.config.NUMBA_NUM_THREADS}")
        self.environment = environment
        self.threads = 1 if environment.debug else threads
        records_tape |= any(group.session_reward is not None for group in environment.groups)
        self._memory = BatchMemory(environment, markets, records_tape)
        self._steps_left = 0
        self._specs = (environment.spec,) * markets
        self.in_use = threading.Lock()
        self.set_lineup([{}] * markets)

    @property
    def instruments(self) -> NDArray[np.void]:
        """Return the market records of all instruments."""
        return self._memory.instruments

    @property
    def markets(self) -> NDArray[np.void]:
        """Return the records of the markets' own instrument."""
        return self._memory.markets

    @property
    def public(self) -> NDArray[np.void]:
        """Return the public records of the last step, of the markets' own instrument."""
        return self.markets["public"] if self.environment.spec.substeps == 1 else self.markets["observed"][:, 0]

    @property
    def connections(self) -> Connections | None:
        """Return the delays between seats and venues."""
        return self._memory.connections

    @property
    def tape(self) -> NDArray[np.void]:
        """Return the tape of the session."""
        return self._memory.tape

    @property
    def observation(self) -> NDArray[np.float32]:
        """Return the latest observations."""
        return self._memory.outputs.observation

    @property
    def mask(self) -> NDArray[np.uint8]:
        """Return the latest masks."""
        return self._memory.outputs.mask

    @property
    def active(self) -> NDArray[np.bool_]:
        """Return the seats that act in the next step."""
        return self._memory.outputs.active

    @property
    def params(self) -> NDArray[np.void]:
        """Return the PARAMS records, to be written to."""
        return self._memory.params

    @property
    def param_rows(self) -> dict[str, slice]:
        """Return the PARAMS rows of each group in the first instrument, those of its members in turn."""
        return {name: slice(members[0].rows.start, members[-1].rows.stop) for name, members in self.members.items()}

    @exclusive
    def get_state(self) -> SessionState:
        """Return the state of the session: markets, agents' memories and the last results.

        The agents themselves, their parameters and the random numbers of later sessions are not part of it.
        """
        starts = np.zeros(self.markets.size + 1, np.int64)
        content = np.empty(transfer_markets(MEASURE, 0, starts, self.markets, self._memory.context), np.uint8)
        transfer_markets(SAVE, address(content), starts, self.markets, self._memory.context)
        content.flags.writeable = False
        return SessionState(self._memory.layout, self._specs, content, starts, self._steps_left)

    @exclusive
    def set_state(self, state: SessionState) -> None:
        """Continue from a state of a batch of equal sizes; raises ValueError for another before anything is changed."""
        if state.layout != self._memory.layout or len(state) != self.markets.size:
            raise ValueError(
                f"state is of {len(state)} markets with sizes {state.layout}; it must be of {self.markets.size} "
                f"with {self._memory.layout}"
            )
        if state.specs != self._specs:
            for spec, own in distinct(state.specs):
                self._set_spec(own, spec)
        transfer_markets(LOAD, address(state.content), state.starts, self.markets, self._memory.context)
        self._steps_left = state.steps_left

    @exclusive
    def clone(self) -> Self:
        """Return an independent batch in the same state, with the same agents and parameters."""
        batch = object.__new__(type(self))
        batch.__dict__.update(self.__dict__)
        batch.in_use = threading.Lock()
        batch._memory = self._memory.copy()
        batch.__dict__.pop("_results", None)
        return batch

    @cached_property
    def _results(self) -> Step:
        """The results of a step before the last one: the arrays are always the same."""
        outputs = self._memory.outputs
        return Step(outputs.observation, outputs.reward, outputs.terminated, False, outputs.active)

    __copy__ = clone

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self.clone()

    def __reduce__(self) -> tuple[Any, ...]:
        built = self.environment, self.markets.size, self.threads, self.tape.size > 0
        # Rows apart from those of the line-up are of markets whose parameters were set.
        rows = self.instruments["seat"]["agent"]["params_row"].copy()
        params, logged = self._memory.shared_params(), self._memory.logs.markets
        return _restore, (type(self), built, self._agents, params, rows, self.get_state(), logged)

    @exclusive
    def set_lineup(self, lineup: LineUp) -> None:
        """Let other agents play in the groups, from the next reset on, which must follow.

        The seats of a group are external in the markets in which its agent is: `external` holds the seats that are in
        any market, and elsewhere their actions are not read and their observations are zero. PARAMS records are written
        anew, so that weights and parameters set before are lost. Arrays of external seats are replaced.

        Args:
            lineup: agents by group name, for each market; a group without an entry plays the environment's agent.
        """
        environment, markets = self.environment, self.markets.size
        self._agents = agents_of_lineup(environment.groups, lineup, markets)
        self.members = members_of(environment.groups, self._agents)
        self.external = external_seats(environment, self._agents)
        self._memory.seat(self.members, self.external, write_privileges(environment, self.instruments, self._agents))
        self.__dict__.pop("_results", None)
        self.num_choices = num_choices_of_seats(environment, self.external)
        self._action_shape = (markets, self.external.size, environment.action_size)
        self._steps_left = 0
        for spec, own in distinct(self._specs):
            if spec is not environment.spec:
                self._set_spec(own, spec)

    @exclusive
    def set_spec(self, markets: Sequence[int] | NDArray[np.integer], spec: MarketSpec) -> None:
        """Set fees, rules, credit and order flow of some markets, from the next step or reset on.

        They stay until they are set anew. The parameters of all agents in these markets are computed anew from `spec`.
        Raises ValueError for a spec that differs from the environment's in other fields, and within a session of
        several instruments for another credit.
        """
        require_adjustable(self.environment.spec, spec)
        self._set_spec(self._market_indices(markets), spec)

    def _set_spec(self, indices: NDArray[np.int64], spec: MarketSpec) -> None:
        if self._steps_left > 0 and len(self.instruments) > 1:
            require_same_credit(spec, [self._specs[market_index] for market_index in indices])
        specs = dict.fromkeys(indices.tolist(), spec)
        self._specs = tuple(specs.get(market_index, now) for market_index, now in enumerate(self._specs))
        write_spec(self.instruments, spec, indices)
        for group, agents in zip(self.environment.groups, self._agents[indices].T, strict=True):
            for agent, own in distinct(agents):
                for k, instrument in enumerate(spec.instruments):
                    rows = self._separate_rows(group.name, indices[own], k)
                    write_parameters(self.environment, group, agent, instrument, self.params, rows)

    @exclusive
    def set_params(
        self, group: str, markets: Sequence[int] | NDArray[np.integer], values: Sequence[float], instrument: int = 0
    ) -> None:
        """Set params.value of a group's seats in some markets, from the next step or reset on.

        `values` are what `Agent.parameters` returns for `spec.clock`; they stay until they, spec or line-up are set.
        """
        rows = self._separate_rows(group, self._market_indices(markets), instrument)
        write_values(group, values, self.params, rows)

    def _market_indices(self, markets: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
        indices = np.unique(np.asarray(markets, np.int64))
        known = not indices.size or 0 <= indices[0] <= indices[-1] < self.markets.size
        require(known, "markets", markets, f"some of 0 to {self.markets.size - 1}")
        return indices

    def _separate_rows(self, group: str, markets: NDArray[np.int64], instrument: int) -> NDArray[np.int64]:
        """Return the PARAMS rows of a group in some markets, after copying those that other markets share."""
        params_row = self.instruments["seat"]["agent"]["params_row"][instrument][:, self.environment.seats_of(group)]
        params, rows = separate_rows(self.params, params_row, markets)
        self._memory.set_params(params)
        return rows

    @exclusive
    def reset(self, seeds: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float32]:
        """Open every market, market i from `seeds[i]`, warm it up, and return the first observation.

        Raises NonFiniteError as `step` does; the session has not begun then.
        """
        require(len(seeds) == self.markets.size, "seeds", seeds, f"one seed for each of {self.markets.size} markets")
        draw_participation(self.environment, self.instruments, self._memory.draw_keys(seeds))
        for paths in self._memory.paths:
            paths.draw(seeds)
        self._memory.replays.draw(seeds)
        self._memory.outputs.clear()
        self._memory.logs.clear()
        fault = run(self.threads, reset_serial, reset_parallel, self.markets, self._memory.context)
        if fault:
            self._raise_fault(fault)
        self._steps_left = self.environment.spec.session_steps
        return self.observation

    def step(self, action: NDArray[np.float32]) -> Step:
        """Step all markets with `action` `(markets, external seats, action size)`.

        Values beyond a seat's own action are not read. A choice of a discrete action is a whole number from 0 on.
        Raises ActionError for another shape, a type that is not float32, a value that is not finite or no such choice
        (nothing is changed then), RuntimeError when the session is over, the exception of a trader or another function
        in the step (the markets are then as it left them), and NonFiniteError where an observation, a reward or the
        action of a compiled policy is not finite (the session is then over).
        """
        if not self.in_use.acquire(False):  # not by `exclusive`, whose wrapper costs a tenth of a step of one market
            raise in_use_error(self, "step")
        try:
            return self._step(action)
        finally:
            self.in_use.release()

    def _step(self, action: NDArray[np.float32]) -> Step:
        if self._steps_left == 0:
            raise RuntimeError("the session is over (or has not begun): call reset before step")
        action = checked_action(action, self._action_shape)
        num_choices = NO_CHOICES if self.num_choices is None else self.num_choices
        memory = self._memory
        if memory.logs.used:
            memory.logs.clear()
        fault = run(self.threads, step_serial, step_parallel, memory.markets, memory.context, action, num_choices)
        if fault:
            self._raise_fault(fault, action)
        self._steps_left -= 1
        return self._results if self._steps_left > 0 else self._results._replace(truncated=True)

    @exclusive
    def play(self, steps: int, action: NDArray[np.float32] | None = None, recorders: Sequence[Recorder] = ()) -> Step:
        """Step `steps` times with the same `action`, in one compiled call; return the results of the last step.

        It does as `step` and, of each recorder, `record` do, but for an exception, after which the session is over. The
        `action` may be None where no seat is external. `recorders` are open ones of this batch; a compiled call
        ends where they have no room for one more step. Raises ValueError for more steps than are left of the session.
        """
        left = self._steps_left
        require(1 <= steps <= left, "steps", steps, f"1 to {left}, the steps that are left of the session")
        if action is None:
            action = np.zeros(self._action_shape if self.external.size == 0 else 0, np.float32)
        action = checked_action(action, self._action_shape)
        num_choices = NO_CHOICES if self.num_choices is None else self.num_choices
        self._steps_left = 0
        for fault in play_in_parts(self.threads, self._memory, action, num_choices, steps):
            if fault:
                self._steps_left = left
                self._raise_fault(fault, action)
            for recorder in recorders:
                recorder.record()
        self._steps_left = left - steps
        return self._results._replace(truncated=self._steps_left == 0)

    def keep_events(self, market: int) -> None:
        """Let `events_of` return the events of this market from the next step on."""
        self._memory.keep_events(int(self._market_indices([market])[0]))

    def events_of(self, market: int) -> NDArray[np.void]:
        """Return a view of a market's EVENT rows of the last step or play; raises RuntimeError where none are kept."""
        return self._memory.logs.events(market)

    def _raise_fault(self, fault: int, action: NDArray[np.float32] | None = None) -> None:
        """Raise the error of an invalid action, or of the first number that is not finite, which ends the session."""
        if fault == INVALID_ACTIONS and action is not None:
            step = self.environment.spec.session_steps - self._steps_left
            raise action_error(action, self.num_choices, places=places_of_seats(self.environment, self.external, step))
        self._steps_left = 0
        raise take_fault(self.environment, self._memory)

    @exclusive
    def balances(self) -> Balances:
        """Return the results of every seat in the session so far, over all instruments."""
        return balances_of(self.instruments, self.environment.seats)

    @exclusive
    def replay_results(self) -> ReplayResults | None:
        """Return what became of recorded messages in the session so far; None where no market replays any."""
        return self._memory.replays.results() if self._memory.replays.any else None

    @exclusive
    def conservation_errors(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the sums over seats that must be zero in each market, see `marl_market.env.step.balances`."""
        return conservation_errors_of(self.instruments)


def _restore(
    kind: type[BatchMarket],
    built: tuple[Any, ...],
    agents: NDArray[np.object_],
    params: NDArray[np.void],
    params_row: NDArray[np.int32],
    state: SessionState,
    logged: Sequence[int],
) -> BatchMarket:
    """Return a pickled batch of `kind`: built anew, since addresses of another process mean nothing here."""
    batch = kind(*built)
    names = [group.name for group in batch.environment.groups]
    batch.set_lineup([dict(zip(names, row, strict=True)) for row in agents])
    batch.set_state(state)
    for market in logged:
        batch.keep_events(market)
    batch._memory.set_params(params)
    batch.instruments["seat"]["agent"]["params_row"] = params_row
    return batch
