"""A trader in a hand-made seat: its commands in hand-made markets."""

from __future__ import annotations

from typing import Any

import numpy as np

from marl_market.env.interface.signatures import decide
from marl_market.env.population.group import Agent
from marl_market.exchange.codes import CommandKind
from marl_market.exchange.random_streams import begin_stream
from marl_market.market.spec import MarketSpec
from tests.builders import commands_of, market_spec, params_record, public_record, seat_record, show_levels

LIMIT, MARKET, CANCEL, CANCEL_ALL, REPLACE = (
    int(kind)
    for kind in (
        CommandKind.LIMIT,
        CommandKind.MARKET,
        CommandKind.CANCEL,
        CommandKind.CANCEL_ALL,
        CommandKind.REPLACE,
    )
)
SPEC = market_spec(session_steps=100)
"""A price scale is four ticks, a size scale six lots, a step one second."""


def quoted(bid: int = 998, ask: int = 1002, lots: int = 5, **fields: Any) -> Any:
    """Return a public record with one level on each side."""
    public = public_record(**fields)
    show_levels(public, bids=[(bid, lots)], asks=[(ask, lots)])
    return public


class TraderSeat:
    """One seat that keeps its memory from one step to the next."""

    def __init__(self, agent: Agent, spec: MarketSpec = SPEC, group_index: int = 0, random_key: int = 1) -> None:
        self.agent = agent
        self.seat = seat_record(random_key)
        self.seat["agent"]["group_index"] = group_index
        self.params = params_record(agent.parameters(spec, 1))
        self.steps = 0

    def commands(self, public: Any, position: int | None = None) -> list[tuple[int, int, int, int]]:
        """Return (kind, side, price, quantity) of all its commands in one step."""
        if position is not None:
            self.seat["account"]["position"] = position
        begin_stream(self.seat, self.steps)
        self.steps += 1
        decide(self.agent.trader.address, 0, public, self.seat, self.params)
        return commands_of(self.seat)

    def orders(self, public: Any, position: int | None = None) -> list[tuple[int, int, int, int]]:
        """Return `commands` without the cancels."""
        return [command for command in self.commands(public, position) if command[0] not in (CANCEL, CANCEL_ALL)]

    def rest(self, slot: int, side: int, price: int, lots: int, order_id: int = 77) -> None:
        """Open an order of the seat."""
        self.seat["live"] |= np.uint64(1 << slot)
        order = self.seat["order"][slot]
        order["side"], order["price_ticks"], order["leaves_quantity"] = side, price, lots
        order["order_id"], order["ladder"] = order_id, (1 - side) // 2

    def fill(self, side: int, lots: int) -> None:
        """Let it have bought or sold."""
        self.seat["account"]["position"] += side * lots
        self.seat["account"]["traded_lots"] += lots

    def play(self, publics: Any) -> list[int]:
        """Return the position after each market, all market orders filled."""
        positions = []
        for public in publics:
            for kind, side, _, lots in self.orders(public):
                assert kind == MARKET
                self.fill(side, lots)
            positions.append(int(self.seat["account"]["position"]))
        return positions
