"""A reactive trader in a hand-made seat: its group's state is set by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from marl_market.agents.scripted.belief import BEGUN, SIGNAL
from marl_market.agents.scripted.reactive_state import DUE_ORDERS, STATE_MEMORY, VOLATILITY_STATE
from marl_market.agents.scripted.steady_rate import ELAPSED, LEVEL
from marl_market.agents.scripted.unconditional_flow import unconditional_flow
from marl_market.market.spec import MarketSpec
from tests.agents.scripted.trader_seat import SPEC, TraderSeat


def spec_with(**tables: Any) -> MarketSpec:
    """Return a market whose conditional flow has some tables of its own."""
    flow = replace(unconditional_flow(SPEC.flow), **tables)
    return replace(SPEC, flow=replace(SPEC.flow, reactive=flow))


class ReactiveSeat(TraderSeat):
    """A seat whose group believes in a value and has so many orders due."""

    def __init__(self, agent: Any, spec: MarketSpec = SPEC, random_key: int = 1) -> None:
        super().__init__(agent, spec, random_key=random_key)
        self.seat["agent"]["group_update"] = 1
        self.see()

    def see(self, value: float = 1000.0, due: float = 1.0, regime: int = 0) -> None:
        """Set the state of the group."""
        memory = self.seat["agent"]["group_memory"]
        memory[STATE_MEMORY + LEVEL], memory[STATE_MEMORY + ELAPSED] = 1.0, 1e9  # of the takers
        memory[SIGNAL], memory[BEGUN], memory[DUE_ORDERS], memory[VOLATILITY_STATE] = value, 1.0, due, regime

    def all_orders(self, public: Any, steps: int) -> np.ndarray:
        """Return (kind, side, price, quantity) of the orders of so many decisions."""
        rows = [order for _ in range(steps) for order in self.orders(public)]
        return np.array(rows).reshape(-1, 4)
