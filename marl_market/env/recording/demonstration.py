"""What a trader would do in seats that are played from outside, told as actions of the seats' own scheme.

The teacher decides in a copy of the seat and on what the seat would be shown; all that it keeps is its memory and its
drift of the fundamental value. What is played is the action, not the commands, so that the seat comes into the very
states that whoever learns from it can come into (Ross et al. 2011, arXiv:1011.0686, section 2, on what happens where
these differ).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.records import SEAT, SEAT_MEMORY
from marl_market.env.interface.signatures import PARAMS, call_trader
from marl_market.env.population.group import Agent
from marl_market.exchange.compiled import compiled
from marl_market.exchange.latency import history_of, visible_row
from marl_market.exchange.pointers import copy_record
from marl_market.exchange.random_streams import begin_stream


@compiled
def demonstrate(markets, active, first, expert, encoder, params, memory, copies, action):  # type: ignore[no-untyped-def]
    """Write into `action` (markets, seats, numbers) what the teacher would do in the seats from `first` on that act.

    Args:
        markets: records of one instrument.
        acts: which seats decide in the next step, (markets, all seats).
        first: the first of the teacher's seats.
        teacher: address of the trader.
        imitator: address of the action's imitator.
        minds: PARAMS records of the teacher and of the action.
        memory: what the teacher remembers in each seat, (markets, seats, SEAT_MEMORY); brought up to date.
        copies: a SEAT record to decide in.
        action: written where a seat acts.
    """
    seat = copies[0]
    for number in range(markets.size):
        market = markets[number]
        for i in range(action.shape[1]):
            index = first + i
            if not active[number, index]:
                continue
            seen = market.public
            if market.history_steps > 0:
                seen = history_of(market)[visible_row(market, index)]
            copy_record(seat, market.seat[index])
            for j in range(SEAT_MEMORY):
                seat.agent.memory[j] = memory[number, i, j]
            seat.command_count = 0
            begin_stream(seat, market.public.step)
            call_trader(expert, seen, seat, params[0])
            call_trader(encoder, seen, seat, params[1])
            for j in range(SEAT_MEMORY):
                memory[number, i, j] = seat.agent.memory[j]
            market.seat[index].agent.drift = seat.agent.drift
            for j in range(action.shape[2]):
                action[number, i, j] = seat.agent.action[j]


class Demonstration:
    """Let a scripted trader decide in the seats of one group of a batch; `open` before each session."""

    def __init__(self, batch: BatchMarket, group: str, expert: Agent) -> None:
        """Seat `expert` in the group's place; raises ValueError, naming the action, where it has no imitator."""
        environment = batch.environment
        self._batch = batch
        self._teacher = expert
        self._seats = environment.seats_of(group)
        self._scheme = environment.single_action_of(next(every for every in environment.groups if every.name == group))
        if self._scheme.encoder is None:
            raise ValueError(
                f"population.{group} has the action {type(self._scheme).__name__}, which has no imitator; "
                "a teacher cannot be told in it"
            )
        count = self._seats.stop - self._seats.start
        self._minds = np.stack([self._minds_in(environment, told, count) for told in range(len(batch.instruments))])
        self._memory = np.zeros((len(batch.instruments), batch.markets.size, count, SEAT_MEMORY))
        self._copies = np.zeros(1, SEAT)
        self._shape = (batch.markets.size, count, self._scheme.size)

    def _minds_in(self, environment: EnvironmentSpec, told: int, count: int) -> NDArray[np.void]:
        spec, params = environment.spec.instruments[told], np.zeros(2, PARAMS)
        for row, numbers in zip(
            params, (self._teacher.parameters(spec, count), self._scheme.parameters(spec)), strict=True
        ):
            row["value"][: len(numbers)] = numbers
        return params

    def open(self) -> None:
        """Forget the last session."""
        self._memory[:] = 0.0

    def actions(self) -> NDArray[np.float32]:
        """Return what the seats should do in the next step, (markets, seats, numbers), those of all instruments.

        A number that makes no difference is NaN; what stands where a seat does not act means nothing.
        """
        parts = []
        for told, markets in enumerate(self._batch.instruments):
            part = np.zeros(self._shape, np.float32)
            demonstrate(
                markets,
                self._batch.active,
                self._seats.start,
                self._teacher.trader.address,
                self._scheme.encoder.address,  # type: ignore[union-attr]  # see __init__
                self._minds[told],
                self._memory[told],
                self._copies,
                part,
            )
            parts.append(part)
        return np.concatenate(parts, axis=2)
