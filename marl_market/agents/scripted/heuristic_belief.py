"""A trader with beliefs from the history of quotes and trades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from marl_market.agents.scripted.assignment import (
    LIMIT,
    SIDE,
    Assignments,
    may_requote,
    quote_assignment,
    update_assignment,
)
from marl_market.env.trading import DECIDED, PUBLIC_EVENTS, MarketSpec, PublicKind, Traits, compiled, trader

REST, TRADE = int(PublicKind.REST), int(PublicKind.TRADE)


@compiled
def belief(public, side, price):  # type: ignore[no-untyped-def]
    """Return the believed probability of acceptance of a quote of `side` at `price`."""
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
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote the price of the highest expected gain."""
    left = update_assignment(public, seat, params)
    if left == 0 or not may_requote(seat, params):
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

    Sees: its own limit price, the last public events (quotes and trades), the best bid and offer.
    Does: believes that a bid at b is accepted with probability (TBL + AL) / (TBL + AL + RBG): bids taken at b or
        below, asks at b or below, bids at b or above that were not taken; 1 where it reaches the best ask; and asks
        symmetrically. Quotes the price of the highest gain times belief among the prices of the history and those a
        tick better, where beliefs change; waits while no price has an expected gain.

    Attributes:
        assignments: its customer orders.
    """

    trader = quote
    traits = Traits(privileges=("events",))
    assignments: Assignments = field(default_factory=Assignments)

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the parameters of the assignments."""
        return self.assignments.parameters(spec)
