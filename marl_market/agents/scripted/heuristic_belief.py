"""A trader that believes what the history of shouts says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from marl_market.agents.scripted.assignment import (
    LIMIT,
    SIDE,
    Assignments,
    attends,
    quote_assignment,
    work_on_assignment,
)
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.population.traits import Traits
from marl_market.exchange.codes import PublicKind
from marl_market.exchange.compiled import compiled
from marl_market.exchange.records import PUBLIC_EVENTS
from marl_market.market.spec import MarketSpec

REST, TRADE = int(PublicKind.REST), int(PublicKind.TRADE)


@compiled
def belief(public, side, price):  # type: ignore[no-untyped-def]
    """Return the believed chance that a quote of `side` at `price` is accepted."""
    index = (1 + side) >> 1
    if public.depth[index] > 0 and side * (price - public.level[index, 0].price_ticks) >= 0:
        return 1.0
    accepted = offered = rejected = 0.0
    for i in range(min(public.event_count, PUBLIC_EVENTS)):
        event = public.event[i]
        better = side * (price - np.float64(event.price_ticks)) >= 0.0  # for the other side, or as good
        no_better = side * (price - np.float64(event.price_ticks)) <= 0.0
        if event.kind == TRADE:
            accepted += better
            rejected -= no_better and event.side == -side
        elif event.kind == REST and event.side == side:
            rejected += no_better
        elif event.kind == REST:
            offered += better
    total = accepted + offered + max(0.0, rejected)
    return (accepted + offered) / total if total > 0.0 else 0.0


@trader
def trade(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote the price of the highest expected gain."""
    left = work_on_assignment(public, seat, params)
    if left == 0 or not attends(seat, params):
        return DECIDED
    side, limit = int(seat.agent.memory[SIDE]), seat.agent.memory[LIMIT]
    index = (1 + side) >> 1
    best, highest = limit, 0.0
    for i in range(2 * min(public.event_count, PUBLIC_EVENTS) + 1):
        if i == 0:
            price = np.float64(public.level[index, 0].price_ticks) if public.depth[index] > 0 else limit
        else:
            price = public.event[(i - 1) >> 1].price_ticks + np.float64(side * ((i - 1) & 1))
        gain = side * (limit - price)
        if gain > highest:
            gain *= belief(public, side, price)
            if gain > highest:
                best, highest = price, gain
    if highest > 0.0:
        quote_assignment(seat, best, left)
    return DECIDED


@dataclass(frozen=True)
class HeuristicBelief:
    """Quote what maximizes the expected gain under beliefs from history (Gjerstad and Dickhaut 1998).

    Sees: its own limit price, the last public events (quotes and trades), the touch.
    Does: believes that a bid at b is accepted with chance (TBL + AL) / (TBL + AL + RBG): bids taken at b or below,
        asks at b or below, bids at b or above that were not taken; 1 where it reaches the best ask; and asks likewise
        the other way round. Quotes the price at which gain times belief is highest, among the prices of the history
        and those a tick better, where beliefs change; waits while no price promises a gain.

    Attributes:
        assignments: what its customers ask for.
    """

    trader = trade
    traits = Traits(privileges=("events",))
    assignments: Assignments = field(default_factory=Assignments)

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return those of the assignments."""
        return self.assignments.parameters(spec)
