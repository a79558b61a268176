"""Demonstrations: a scripted trader's decisions in external seats, encoded as actions of the seats' action scheme.

The expert decides in a copy of the seat, on the public record that the seat observes; only its memory and its drift of
the fundamental value are kept. The action is played, not the commands, so that the demonstrations visit the states that
the learning policy can reach (Ross et al. 2011, arXiv:1011.0686, section 2, on the effect of a difference).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.records import SEAT, SEAT_MEMORY
from marl_market.env.interface.signatures import PARAMS, call_trader
from marl_market.env.population.group import Agent, group_update_of
from marl_market.env.step.observed import observed_public
from marl_market.exchange.compiled import compiled
from marl_market.exchange.pointers import copy_record
from marl_market.exchange.random_streams import begin_stream
from marl_market.market.spec import MarketSpec


@compiled
def demonstrate(markets, active, first, expert, encoder, params, memory, copies, action):  # type: ignore[no-untyped-def]
    """Write the expert's actions (markets, seats, numbers) in its active seats.

    Args:
        markets: records of one instrument.
        active: seats that act in the next step, (markets, all seats).
        first: the first of the expert's seats.
        expert: address of the trader.
        encoder: address of the action encoder.
        params: PARAMS records of the expert and of the action.
        memory: memory of the expert in each seat, (markets, seats, SEAT_MEMORY); updated.
        copies: SEAT records to decide in, (seats,).
        action: output; unchanged for a seat that is not active.
    """
    for number in range(markets.size):
        market = markets[number]
        for i in range(action.shape[1]):
            index = first + i
            if not active[number, index]:
                continue
            public = observed_public(market, index)
            seat = copies[i]
            copy_record(seat, market.seat[index])
            for j in range(SEAT_MEMORY):
                seat.agent.memory[j] = memory[number, i, j]
            seat.command_count = 0
            begin_stream(seat, market.public.step)
            call_trader(expert, public, seat, params[0])
            call_trader(encoder, public, seat, params[1])
            for j in range(SEAT_MEMORY):
                memory[number, i, j] = seat.agent.memory[j]
            market.seat[index].agent.drift = seat.agent.drift
            for j in range(action.shape[2]):
                action[number, i, j] = seat.agent.action[j]


class Demonstration:
    """Let a scripted trader, the expert, decide in the seats of one group of a batch; `open` before each session."""

    def __init__(self, batch: BatchMarket, group: str, expert: Agent) -> None:
        """Let `expert` decide for the group; raises ValueError, naming the action, for one without an encoder."""
        environment = batch.environment
        self._batch = batch
        self._expert = expert
        self._seats = environment.seats_of(group)
        self._scheme = environment.single_action_of(next(every for every in environment.groups if every.name == group))
        if self._scheme.encoder is None:
            raise ValueError(
                f"population.{group} has the action {type(self._scheme).__name__}, which has no encoder; "
                "an expert's decisions cannot be encoded in it"
            )
        if group_update_of(expert) is not None:
            raise ValueError(f"{expert} shares the memory of a group; an expert must decide for each seat alone")
        count = self._seats.stop - self._seats.start
        self._params = np.stack([self._params_of(spec, count) for spec in environment.spec.instruments])
        self._memory = np.zeros((len(batch.instruments), batch.markets.size, count, SEAT_MEMORY))
        self._copies = np.zeros(count, SEAT)
        self._shape = (batch.markets.size, count, self._scheme.size)

    def _params_of(self, spec: MarketSpec, count: int) -> NDArray[np.void]:
        params = np.zeros(2, PARAMS)
        values = (self._expert.parameters(spec, count), self._scheme.parameters(spec))
        for row, numbers in zip(params, values, strict=True):
            row["value"][: len(numbers)] = numbers
        return params

    def open(self) -> None:
        """Clear the expert's memory of the last session."""
        self._memory[:] = 0.0

    def actions(self) -> NDArray[np.float32]:
        """Return the expert's actions in the next step, (markets, seats, numbers of all instruments).

        A number without effect is NaN; the numbers of a seat that is not active have no meaning.
        """
        parts = []
        for instrument, markets in enumerate(self._batch.instruments):
            part = np.zeros(self._shape, np.float32)
            demonstrate(
                markets,
                self._batch.active,
                self._seats.start,
                self._expert.trader.address,
                self._scheme.encoder.address,  # type: ignore[union-attr]  # see __init__
                self._params[instrument],
                self._memory[instrument],
                self._copies,
                part,
            )
            parts.append(part)
        return np.concatenate(parts, axis=2)
