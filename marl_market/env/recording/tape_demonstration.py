"""Demonstrations from a recorded tape: what a seat would have observed, and the action nearest to all that was sent.

In each step of a recorded market the aggregate order flow is one decision: a market order of the signed sum of all
market orders, and on each side a limit order of the sum of all limit orders at their mean price, weighted by quantity.
The seat's action scheme encodes them as it encodes the commands of an expert, as far as its actions go (a target
position or a delay says nothing of a flow; sizes beyond the largest are clipped).

What a tape cannot tell: an account. The seat has no position and no orders of its own, so that parts of an observation
that show these are those of a seat that has just begun. Whose orders they were is unknown too: the action is that of
all traders together, and cancels are no part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.schemes import PrivilegedScheme
from marl_market.env.interface.signatures import PARAMS, call_encoder, call_trader
from marl_market.env.recording.sampled_tape import sampled_sessions
from marl_market.env.recording.tape_book import TapeBook
from marl_market.env.step.context import address
from marl_market.env.step.setup import observation_parts
from marl_market.exchange.codes import CommandKind
from marl_market.exchange.compiled import compiled
from marl_market.exchange.pointers import floats_at
from marl_market.exchange.records import PUBLIC_LEVELS
from marl_market.market.tape import FlowKind, Side, Tape
from marl_market.market.validation import require


@compiled
def encode_step(parts, public, seat, observation, encoder, params):  # type: ignore[no-untyped-def]
    """Write the observation of a seat to an address, and the action of its commands into the seat."""
    for number in range(parts.size):
        part = parts[number]
        call_encoder(part.address, public, seat, floats_at(observation + 4 * part.offset, part.size))
    call_trader(encoder, public, seat, params)


@dataclass(frozen=True)
class Demonstrated:
    """The demonstrations of one session of T steps.

    Attributes:
        observation: (T + 1, D), before each step and after the last.
        action: (T, A), NaN where the flow determines no number.
    """

    observation: NDArray[np.float32]
    action: NDArray[np.float32]


class TapeDemonstration:
    """Turn a tape into demonstrations for the seats of one group."""

    def __init__(self, environment: EnvironmentSpec, group: str) -> None:
        """Encode for the group; raises ValueError, naming the part, for what cannot be said of a tape."""
        known = next(each for each in environment.groups if each.name == group)
        scheme = environment.single_action_of(known)
        action = type(scheme).__name__
        require(scheme.encoder is not None, f"population.{group}.action", action, "one with an encoder")
        one = len(environment.spec.instruments) == 1
        require(one, "market.further_instruments", "several", "one instrument, as a tape has")
        require(environment.timing.choices == 0, "timing", type(environment.timing).__name__, "every step")
        for name, part in environment.observation.items():
            is_public = not isinstance(part, PrivilegedScheme) and not part.tracks_history
            require(is_public, f"observation.{name}", type(part).__name__, "a part that one public record determines")
        batch = BatchMarket(environment, 1)
        batch.reset([0])
        market = batch.markets[0]
        self._spec = environment.spec
        self._scheme = scheme
        self._parts = observation_parts(environment)
        self._public = market["public"].copy()
        self._seat = market["seat"][environment.seats_of(group).start].copy()
        self._params = np.zeros(1, PARAMS)[0]
        numbers = scheme.parameters(environment.spec)
        self._params["value"][: len(numbers)] = numbers
        self._size = environment.observation_size

    def sessions(self, tape: Tape) -> Iterator[Demonstrated]:
        """Yield the tape in sessions of the market's length; a rest that is shorter is left out."""
        length = self._spec.session_steps
        for sampled in sampled_sessions(tape, self._spec):
            book = TapeBook(tape)
            edges = sampled.start_ns + self._spec.step_ns * np.arange(len(sampled.rows) + 2)
            cuts = np.searchsorted(tape.flow["time_ns"], edges)
            for first in range(0, len(sampled.rows) - length, length):
                yield self._session(tape, book, sampled.rows[:, 0], edges, cuts, first)

    def _session(
        self,
        tape: Tape,
        book: TapeBook,
        rows: NDArray[np.void],
        edges: NDArray[np.int64],
        cuts: NDArray[np.int64],
        first: int,
    ) -> Demonstrated:
        """Return a session after row number `first`, which is what is seen before its first action.

        Row i holds the step from edges[i] to edges[i + 1], whose flow is cuts[i] .. cuts[i + 1].
        """
        length = self._spec.session_steps
        observation = np.zeros((length + 1, self._size), np.float32)
        action = np.zeros((length, self._scheme.size), np.float32)
        self._public["session_lots"] = 0
        for step in range(length + 1):
            number = first + step
            now_ns = int(edges[number + 1])
            book.advance(now_ns)
            self._show(rows[number], rows[max(number - 1, 0)], step, now_ns, book, tape)
            self._command(tape, tape.flow[cuts[number + 1] : cuts[number + 2]])
            target = observation[step]
            encode_step(
                self._parts,
                self._public,
                self._seat,
                address(target),
                self._scheme.encoder.address,  # type: ignore[union-attr]  # see __init__
                self._params,
            )
            if step < length:
                action[step] = self._seat["agent"]["action"][: self._scheme.size]
        return Demonstrated(observation, action)

    def _show(self, row: Any, before: Any, step: int, now_ns: int, book: TapeBook, tape: Tape) -> None:
        """Write the public record after a step."""
        public = self._public
        public["previous_depth"], public["previous_level"] = public["depth"], public["level"]
        public["time_ns"], public["step"] = now_ns, step
        public["reference_ticks"], public["previous_reference_ticks"] = (
            row["reference_ticks"],
            before["reference_ticks"],
        )
        public["twice_mark_ticks"] = public["twice_low_ticks"] = public["twice_high_ticks"] = 2 * row["reference_ticks"]
        public["last_trade_ticks"] = row["last_trade_ticks"]
        public["step_trades"], public["step_lots"] = row["trades"], (row["bought_lots"], row["sold_lots"])
        public["session_lots"] += row["bought_lots"] + row["sold_lots"]
        for index, (side, name) in enumerate(((Side.BUY, "bid"), (Side.SELL, "ask"))):
            best = int(row[f"{name}_price_ticks"]), int(row[f"{name}_quantity_lots"])
            levels = self._in_units(book, tape, side, best)
            public["depth"][index], public["level"][index] = len(levels), 0
            for place, (price, lots) in enumerate(levels):
                public["level"][index, place] = (lots, price, 1)
            if levels:
                public[f"best_{name}"] = levels[0][0]

    def _in_units(self, book: TapeBook, tape: Tape, side: Side, best: tuple[int, int]) -> list[tuple[int, int]]:
        """Return the levels of a side in ticks and lots of the market."""
        ticks, lots = tape.tick_size / self._spec.tick_size, tape.lot_size / self._spec.lot_size
        found = book.levels(side, round(best[0] / ticks), best[1], PUBLIC_LEVELS)
        return (
            [best, *((round(price * ticks), round(quantity * lots)) for price, quantity in found[1:])] if found else []
        )

    def _command(self, tape: Tape, flow: NDArray[np.void]) -> None:
        """Write the aggregate flow of a step as commands into the seat."""
        ticks, lots = tape.tick_size / self._spec.tick_size, tape.lot_size / self._spec.lot_size
        commands: list[tuple[int, int, int, int]] = []
        taken = flow[flow["kind"] == FlowKind.MARKET]
        signed = round(float((taken["side"] * taken["quantity_lots"]).sum()) * lots)
        if signed:
            commands.append((CommandKind.MARKET, 1 if signed > 0 else -1, 0, abs(signed)))
        for index, side in enumerate((Side.BUY, Side.SELL)):
            own = flow[(flow["kind"] == FlowKind.LIMIT) & (flow["side"] == side)]
            quantity = round(float(own["quantity_lots"].sum()) * lots)
            if quantity:
                price = round(float(np.average(own["price_ticks"], weights=own["quantity_lots"])) * ticks)
                commands.append((CommandKind.LIMIT, side, self._passive(index, side, price), quantity))
        self._seat["command_count"] = len(commands)
        for number, values in enumerate(commands):
            command = self._seat["command"][number]
            command["kind"], command["side"], command["price_ticks"], command["quantity_lots"] = values

    def _passive(self, index: int, side: Side, price: int) -> int:
        """Return a price that does not cross the best quote of the other side."""
        if self._public["depth"][1 - index] == 0:
            return price
        best = int(self._public["level"][1 - index, 0]["price_ticks"])
        return side * min(side * price, side * best - 1)
