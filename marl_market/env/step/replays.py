"""The replays of a batch: which recording each market replays, from when on, and what became of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group, ReplayAgent
from marl_market.env.population.lineup import Member
from marl_market.env.step.context import address
from marl_market.env.step.replay import REPLAY
from marl_market.exchange.records import SEAT_COMMANDS, SEAT_ORDERS
from marl_market.market.replay_tape import ReplayTape
from marl_market.market.seeding import Stream, generator
from marl_market.market.spec import MarketSpec
from marl_market.market.units import NANOSECONDS_PER_SECOND

MESSAGES_PER_SEAT = 2 * SEAT_COMMANDS
"""Messages of a step for each seat of the group: the events of more might not fit the buffer of a market."""


@dataclass(frozen=True, eq=False)
class ReplayResults:
    """What became of the recorded messages of a session; markets without a replay have zeros and NaN.

    Attributes:
        tally: (markets,) TALLY records, see `marl_market.env.step.replay`.
        divergence_ticks: (steps, markets) mid price less the recorded one behind each step, in ticks; NaN where one of
            the two has no quote on a side.
    """

    tally: NDArray[np.void]
    divergence_ticks: NDArray[np.float64]

    @classmethod
    def join(cls, results: Sequence[ReplayResults]) -> ReplayResults:
        """Return the results of the markets of all `results`, in their order."""
        tally = np.concatenate([each.tally for each in results])
        return cls(tally, np.concatenate([each.divergence_ticks for each in results], axis=1))


class Replays:
    """The replays of a batch; the step's context holds the address of their records, which hold others."""

    def __init__(self, environment: EnvironmentSpec, members: Mapping[str, Sequence[Member]], markets: int) -> None:
        """Prepare the replays of all markets whose line-up has an agent that replays.

        Raises ValueError where two groups of a market replay, where a market has several instruments, and where the
        recording does not fit the market, its session or the group.
        """
        spec = environment.spec.clock
        self._spec = spec
        self._tapes: list[tuple[ReplayTape, float | None] | None] = [None] * markets
        self._records = np.zeros(markets, REPLAY)
        for group in environment.groups:
            for member in members[group.name]:
                if isinstance(member.agent, ReplayAgent):
                    self._add(group, member.agent, member.markets, environment.seats_of(group.name))
        self._openings: list[NDArray[np.void] | None] = [None] * markets
        self._order_id = np.zeros((markets, int(self._records["places"].max(initial=0))), np.int64)
        steps = spec.session_steps if self.any else 0
        self._divergence = np.full((markets, steps), np.nan)
        self._write_addresses()

    def _add(self, group: Group, agent: ReplayAgent, markets: NDArray[np.int64], seats: slice) -> None:
        key, spec = f"population.{group.name}", self._spec
        if len(spec.instruments) > 1:
            raise ValueError(f"{key} replays one instrument; the market has {len(spec.instruments)}")
        tape = agent.replay_tape(spec)
        require_fits(key, tape, spec, group.count)
        spans_of(tape, spec, agent.start_seconds, key)
        for market in markets:
            if self._tapes[market] is not None:
                raise ValueError(f"{key} replays a recording, and so does another group; one replays in a market")
            self._tapes[market] = tape, agent.start_seconds
        own = self._records[markets]
        own["message"], own["count"], own["places"] = address(tape.messages), tape.messages.size, tape.places
        own["first_seat"], own["seats"] = seats.start, group.count
        self._records[markets] = own

    @property
    def any(self) -> bool:
        """Return whether a market replays."""
        return bool((self._records["count"] > 0).any())

    @property
    def address(self) -> int:
        """Return the address of the records, 0 where no market replays."""
        return address(self._records) if self.any else 0

    @property
    def layout(self) -> tuple[tuple[int, int], ...]:
        """Return the numbers of messages and places of each market; none where no market replays."""
        if not self.any:
            return ()
        return tuple(zip(self._records["count"].tolist(), self._records["places"].tolist(), strict=True))

    def copy(self) -> Self:
        """Return a copy with records and arrays of its own; the messages are shared."""
        if not self.any:
            return self
        copied = copy.copy(self)
        copied._records, copied._order_id = self._records.copy(), self._order_id.copy()
        copied._divergence, copied._openings = self._divergence.copy(), list(self._openings)
        copied._write_addresses()
        return copied

    def draw(self, seeds: Sequence[int] | NDArray[np.integer]) -> None:
        """Let each market's next session begin at its agent's time of the recording, or at one drawn from its seed."""
        self._divergence[:] = np.nan
        for market, (replayed, seed) in enumerate(zip(self._tapes, seeds, strict=True)):
            if replayed is not None:
                tape, start_seconds = replayed
                spans = spans_of(tape, self._spec, start_seconds)
                self._open(market, tape, drawn_time(spans, generator(int(seed), Stream.RECORDING)))

    def results(self) -> ReplayResults:
        """Return what became of the messages in the session so far."""
        return ReplayResults(self._records["tally"].copy(), self._divergence.T.copy())

    def _open(self, market: int, tape: ReplayTape, origin_ns: int) -> None:
        """Write the record of a session that begins, warm-up steps left out, at recorded time `origin_ns`."""
        first = tape.index_at(origin_ns - self._spec.warmup_steps * self._spec.step_ns)
        opening = self._openings[market] = tape.resting_before(first)
        bid, ask = tape.quotes_before(first)
        row = self._records[market : market + 1]
        row["opening"], row["opening_count"] = address(opening), opening.size
        row["opening_ticks"] = (bid + ask) // 2 if bid > 0 and ask > 0 else 0
        row["origin_ns"], row["next"], row["turn"] = origin_ns, first, 0
        row["tally"] = 0

    def _write_addresses(self) -> None:
        for name, array in (("order_id", self._order_id), ("divergence", self._divergence)):
            self._records[name] = address(array) + np.arange(len(array)) * array.strides[0]


def require_fits(key: str, tape: ReplayTape, spec: MarketSpec, seats: int) -> None:
    """Raise ValueError where a market or the seats of a group have no room for a recording."""
    for name in ("tick_size", "lot_size"):
        if float(getattr(tape, name)) != float(getattr(spec, name)):
            raise ValueError(f"{key}: the recording has a {name} of {getattr(tape, name)}; market.{name} is another")
    if spec.rules.opening_auction_steps or spec.rules.closing_auction_steps:
        raise ValueError(f"{key}: market.rules has call auctions; a recording replays in continuous trading")
    most = tape.most_within(spec.step_ns)
    needed = max(1 + -(-tape.places // SEAT_ORDERS), -(-most // MESSAGES_PER_SEAT), 2)
    if seats < needed:
        raise ValueError(
            f"{key}.count is {seats}; the recording has up to {tape.places} orders at one time and {most} messages in "
            f"one step, so it must be {needed} or more; fewer orders rest with a smaller reach_ticks of the recording"
        )


def spans_of(tape: ReplayTape, spec: MarketSpec, start_seconds: float | None, key: str = "") -> NDArray[np.int64]:
    """Return the first and the last time (spans, 2) at which a session may begin, its warm-up before it.

    The last step begins within the recording. Raises ValueError where there is no such time.
    """
    before, length = spec.warmup_steps * spec.step_ns, (spec.session_steps - 1) * spec.step_ns
    spans = tape.sessions + np.array([before, -length])
    spans = spans[spans[:, 0] <= spans[:, 1]]
    if start_seconds is not None:
        start = int(tape.sessions[0, 0]) + round(start_seconds * NANOSECONDS_PER_SECOND)
        spans = np.array([[start, start]]) if ((spans[:, 0] <= start) & (start <= spans[:, 1])).any() else spans[:0]
    if not spans.size:
        longest = int(np.diff(tape.sessions).max(initial=0)) / NANOSECONDS_PER_SECOND
        asked = "" if start_seconds is None else f" from start_seconds {start_seconds} on"
        raise ValueError(
            f"{key}: market.warmup_steps and session_steps take {(before + length) / NANOSECONDS_PER_SECOND:.10g} s "
            f"and a step{asked}; the longest session of the recording has {longest:.10g} s"
        )
    return spans


def drawn_time(spans: NDArray[np.int64], random: np.random.Generator) -> int:
    """Return a time drawn evenly from all spans."""
    lengths = spans[:, 1] - spans[:, 0] + 1
    place = int(random.integers(lengths.sum()))
    span = int(np.searchsorted(np.cumsum(lengths), place, side="right"))
    return int(spans[span, 0]) + place - int(lengths[:span].sum())
