"""The memory of a batch: the market records, and every array whose address a step reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.records import AGENT, TAPE_ROW
from marl_market.env.interface.signatures import REWARD_PART
from marl_market.env.population.lineup import Member
from marl_market.env.step.context import STEP_CONTEXT, address
from marl_market.env.step.event_logs import EventLogs
from marl_market.env.step.fundamental import FundamentalPaths
from marl_market.env.step.kernels import stages_of
from marl_market.env.step.outputs import Outputs
from marl_market.env.step.replays import Replays
from marl_market.env.step.setup import observation_parts, seat_agents
from marl_market.env.step.state import ADDRESSES, copy_markets
from marl_market.exchange.connections import Connections, connect
from marl_market.exchange.setup import allocate_instruments, unwritten_in_cache_lines
from marl_market.market.seeding import Stream, derive_keys


class BatchMemory:
    """Allocate and address the memory of a batch; a copy has memory of its own, in the same state.

    Attributes:
        instruments: (instruments, markets) market records.
        markets: those of the first instrument.
        connections: see `marl_market.exchange.latency`; None without latency.
        tape: (session steps, markets) TAPE_ROW records; of size 0 without a tape.
        logs: of events, see `keep_events`; those of a copy are empty.
        outputs: what a step writes.
        context: the one STEP_CONTEXT.
        parts: PART rows of the observation.
        paths: of the fundamental value of each instrument.
        replays: of recorded messages.
        layout: sizes that are equal in two batches only if one continues from the other's states.
        keys: (markets, key_count) random keys of the session.
        key_count: random keys of a market: of every instrument the market's, its seats' and their connections', then
            one a seat for its participation.
    """

    outputs: Outputs
    keys: NDArray[np.uint64]
    paths: list[FundamentalPaths]
    replays: Replays
    _params: NDArray[np.void]
    _addresses: NDArray[np.int64]

    def __init__(self, environment: EnvironmentSpec, markets: int, records_tape: bool) -> None:
        """Allocate the markets, without agents."""
        spec, clock = environment.spec, environment.spec.clock
        self._environment = environment
        self.instruments = allocate_instruments(clock, markets, environment.seats, AGENT)
        self.instruments["substeps"] = spec.substeps
        self.markets = self.instruments[0]
        self.connections = connect(self.instruments.reshape(-1), environment.latencies, clock.step_ns, spec.substeps)
        self.tape = np.zeros((spec.session_steps if records_tape else 0, markets), TAPE_ROW)
        self.key_count = len(self.instruments) * (1 + 2 * environment.seats) + environment.seats
        self.context = np.zeros(1, STEP_CONTEXT)
        self.logs = EventLogs(markets, spec.substeps * self.markets.dtype["event"].shape[0])
        # Constants, which copies share.
        self.parts = observation_parts(environment)
        self._rewards = np.array(
            [(part.reward.address_in(environment.debug), part.weight) for part in environment.reward.values()],
            REWARD_PART,
        )
        self._prices = np.array([instrument.initial_price_ticks for instrument in spec.instruments])

    def seat(self, members: Mapping[str, Sequence[Member]], external: NDArray[np.int64], needs_paths: bool) -> None:
        """Seat agents in every market; `needs_paths` if one of them observes or moves the fundamental value."""
        environment, markets = self._environment, self.instruments.shape[1]
        self._params = seat_agents(environment, self.instruments, members, external)
        clock = environment.spec.clock
        self.paths = [FundamentalPaths(clock, k, needs_paths, records) for k, records in enumerate(self.instruments)]
        self.replays = Replays(environment, members, markets)
        sizes = environment.observation_size, environment.mask_size
        self.outputs = Outputs(markets, environment.seats, external.size, *sizes)
        self._addresses = self._find_addresses()
        self._write_context(external.size)
        self.layout = self._find_layout(external)

    @property
    def params(self) -> NDArray[np.void]:
        """Return the PARAMS records, to be written to; those that a copy shares are copied first."""
        if not self._params.flags.writeable:
            self.set_params(self._params.copy())
        return self._params

    def set_params(self, params: NDArray[np.void]) -> None:
        """Replace the PARAMS records."""
        self._params = params
        self.context["params"], self.context["params_count"] = address(params), params.size

    def shared_params(self) -> NDArray[np.void]:
        """Return the PARAMS records, to be read."""
        return self._params

    def draw_keys(self, seeds: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint64]:
        """Draw and return the random keys of the next session, market i's from `seeds[i]`."""
        self.keys = np.array([derive_keys(seed, Stream.SESSION, count=self.key_count) for seed in seeds])
        self.context["keys"] = address(self.keys)
        return self.keys

    def keep_events(self, market: int) -> None:
        """Let a market have a log of its events."""
        self.logs.add(market)
        self.context["logs"] = self.logs.address

    def copy(self) -> Self:
        """Return a copy in the same state; it shares what neither writes to."""
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        copied._separate(self)
        return copied

    def _separate(self, source: Self) -> None:
        """Give a shallow copy of `source` memory of its own."""
        self.instruments = unwritten_in_cache_lines(source.instruments.shape, source.instruments.dtype)
        self.markets = self.instruments[0]
        self.context = np.empty(1, STEP_CONTEXT)
        self.outputs = source.outputs.unwritten_copy()
        self._params.flags.writeable = False
        if source._addresses.any():
            self.paths = [paths.copy() for paths in source.paths]
            if source.connections is not None:
                self.connections = Connections(*(memory.copy() for memory in source.connections))
            self._addresses = self._find_addresses()
        outputs = self.outputs.address
        copy_markets(self.instruments, source.instruments, self.context, source.context, outputs, self._addresses)
        self.logs = source.logs.empty_copy()
        self.context["logs"] = self.logs.address if self.logs.used else 0
        self.replays = source.replays.copy()
        self.context["replays"] = self.replays.address
        if self.tape.size:
            self.tape = source.tape.copy()
            self.context["tape"] = address(self.tape)

    def _find_addresses(self) -> NDArray[np.int64]:
        """Return the addresses that market records hold (fields of `ADDRESSES`, instruments, markets)."""
        addresses = np.zeros((len(ADDRESSES), *self.instruments.shape), np.int64)
        for k, paths in enumerate(self.paths):
            addresses[0, k] = paths.addresses()
        if self.connections is not None:
            addresses[1:] = np.reshape(self.connections.addresses(), addresses[1:].shape)
        return addresses

    def _write_context(self, external: int) -> None:
        environment, context = self._environment, self.context
        values = {
            "step_ns": environment.spec.clock.step_ns,
            "warmup_steps": environment.spec.clock.warmup_steps,
            "seats": environment.seats,
            "external": external,
            "observation_size": environment.observation_size,
            "instrument_size": environment.observation_size // len(self.instruments),
            "mask_size": environment.mask_size,
            "action_size": environment.action_size,
            "part_count": self.parts.size,
            "own_parts": np.count_nonzero(self.parts["shared"] == 0),
            "reward_count": self._rewards.size,
            "key_count": self.key_count,
            "markets": self.instruments.shape[1],
            "parts": address(self.parts),
            "rewards": address(self._rewards),
            "prices": address(self._prices),
            "replays": self.replays.address,
            "tape": address(self.tape) if self.tape.size else 0,
            **{name: stage.address for name, stage in stages_of(self.instruments.dtype, self.replays.any).items()},
        }
        for name, value in values.items():
            context[name] = value
        self.set_params(self._params)
        self.outputs.write_addresses(context)

    def _find_layout(self, external: NDArray[np.int64]) -> tuple[object, ...]:
        spec, connections = self._environment.spec, self.connections
        return (
            spec.capacity,
            len(self.instruments),
            (self._environment.seats, *external.tolist()),
            (self._environment.observation_size, self._environment.mask_size),
            (spec.warmup_steps, spec.session_steps, spec.step_ns, spec.substeps),
            0 if connections is None else 1 + connections.history.shape[1],
            tuple((self.instruments["path"] != 0).any(1).tolist()),
            len(self.tape),
            self.replays.layout,
        )
