"""Private values of induced-value auctions: the limit prices of customer orders, unit after unit.

A trader of this family works on one assignment at a time: a side, a limit price and a quantity (Smith 1962; the
customer orders of Cliff's Bristol Stock Exchange). Its limit prices are private; they come from a schedule of supply or
demand, or are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.env.trading import (
    PARAM_VALUES,
    MarketSpec,
    below,
    cancel_all,
    compiled,
    lowest_bit,
    replace,
    require,
    submit_limit,
    uniform,
)

LOTS, SIDE_GIVEN, WIDTH, RENEWAL, EXPIRY, REQUOTE, ROWS, UNITS, REPEATS, ROUND = range(10)
OWN = 10
"""Index of the first parameter of the strategy itself; SCHEDULE is that of the first limit price."""
SCHEDULE = 20

SIDE, LIMIT, TRADED, TAKEN, ANCHOR, BEGUN, ARRIVAL = range(7)
"""Indices into the seat's memory; a side of zero means no assignment."""
OWN_MEMORY = 8

SIDES = {"buy": 1, "sell": -1, "either": 0}


@compiled
def begin_round(seat, first, steps):  # type: ignore[no-untyped-def]
    """Draw the arrival step of the assignment of the round of `steps` steps that begins with step `first`."""
    seat.agent.memory[ARRIVAL] = first + below(seat, steps)


@compiled
def update_assignment(public, seat, params):  # type: ignore[no-untyped-def]
    """Account for fills, end and begin assignments as they expire and arrive; return the open lots."""
    table, memory = params.value, seat.agent.memory
    steps = np.int64(table[ROUND])
    if memory[BEGUN] == 0.0:
        memory[BEGUN] = 1.0
        memory[ANCHOR] = public.reference_ticks
        if steps > 0:
            begin_round(seat, public.step, steps)
    expiring, renewing = uniform(seat) < table[EXPIRY], uniform(seat) < table[RENEWAL]
    if steps > 0:
        renewing = public.step >= memory[ARRIVAL]
        expiring = expiring or renewing
    if memory[SIDE] != 0.0:
        left = np.int64(table[LOTS]) - (seat.account.traded_lots - np.int64(memory[TRADED]))
        if left > 0 and not expiring:
            return left
        memory[SIDE] = 0.0
        cancel_all(seat)
    if seat.live != 0:  # a fill of an order on its way to be canceled would count for the next unit
        return np.int64(0)
    if renewing and steps > 0:
        begin_round(seat, (np.int64(memory[ARRIVAL]) // steps + 1) * steps, steps)
    if not renewing or (table[REPEATS] == 0.0 and table[UNITS] > 0.0 and memory[TAKEN] >= table[UNITS]):
        return np.int64(0)
    side = table[SIDE_GIVEN]
    if side == 0.0:
        side = 1.0 if uniform(seat) < 0.5 else -1.0
    limit = memory[ANCHOR] + table[WIDTH] * (2.0 * uniform(seat) - 1.0)
    if table[UNITS] > 0.0:
        row = seat.agent.group_index % np.int64(table[ROWS])
        limit = table[SCHEDULE + row * np.int64(table[UNITS]) + np.int64(memory[TAKEN]) % np.int64(table[UNITS])]
    memory[SIDE] = side
    memory[LIMIT] = np.floor(limit + 0.5)
    memory[TRADED] = seat.account.traded_lots
    memory[TAKEN] += 1.0
    return np.int64(table[LOTS])


@compiled
def may_requote(seat, params):  # type: ignore[no-untyped-def]
    """Return whether the trader may change its quote in this step."""
    return uniform(seat) < params.value[REQUOTE]


@compiled
def quote_assignment(seat, price, left):  # type: ignore[no-untyped-def]
    """Quote `left` lots at `price` by a single order; an open order like it keeps its queue position."""
    price = np.int64(price)
    slots = seat.live
    if slots != 0 and slots & (slots - np.uint64(1)) == 0:
        order = seat.order[lowest_bit(slots)]
        if order.price_ticks != price or order.leaves_quantity != left:
            # Cancel and submit would trade two units if the old order were filled before its cancel.
            replace(seat, order, price, left)
        return
    cancel_all(seat)
    submit_limit(seat, np.int64(seat.agent.memory[SIDE]), price, left)


@dataclass(frozen=True)
class Assignments:
    """Customer orders of a group.

    Attributes:
        side: "buy", "sell", or "either", drawn for each assignment.
        limits: a schedule: for each seat of the group in turn, the limit prices of its successive units, in currency;
            all the same number of units. Without one, limits are drawn.
        width: limits are drawn uniformly within this distance of the seat's first reference price, in price scales.
        quantity: of each unit, in size scales of the market.
        repeats: whether a schedule begins again after its last unit.
        interval_seconds: mean time from the end of an assignment to the next; 0: none.
        patience_seconds: mean time after which an assignment is canceled, filled or not; 0: never.
        round_seconds: length of rounds in each of which one assignment arrives at a uniformly drawn time and replaces
            the previous one, filled or not (drip-fed customer orders of the Bristol Stock Exchange); 0: no rounds.
        requote_rate: mean number of times a second at which the trader may change its quote; 0: in every step.
    """

    side: str = "either"
    limits: Sequence[Sequence[float]] = ()
    width: float = 2.0
    quantity: float = 1.0
    repeats: bool = False
    interval_seconds: float = 0.0
    patience_seconds: float = 20.0
    round_seconds: float = 0.0
    requote_rate: float = 0.0

    def __post_init__(self) -> None:
        require(self.side in SIDES, "assignments.side", self.side, f"one of {', '.join(SIDES)}")
        limits = tuple(tuple(float(price) for price in row) for row in self.limits)
        object.__setattr__(self, "limits", limits)
        units = {len(row) for row in limits}
        good = not limits or (len(units) == 1 and 0 not in units)
        require(good, "assignments.limits", limits, "rows of one length")
        room = PARAM_VALUES - SCHEDULE
        prices = sum(map(len, limits))
        require(prices <= room, "assignments.limits", f"{prices} prices", f"at most {room} prices")
        require(
            not limits or SIDES[self.side] != 0, "assignments.side", self.side, "buy or sell where limits are given"
        )
        for name in ("width", "quantity"):
            require(getattr(self, name) > 0, f"assignments.{name}", getattr(self, name), "above zero")
        for name in ("interval_seconds", "patience_seconds", "round_seconds", "requote_rate"):
            require(getattr(self, name) >= 0, f"assignments.{name}", getattr(self, name), "zero or more")
        either = self.interval_seconds == 0 or self.round_seconds == 0
        require(either, "assignments.interval_seconds", self.interval_seconds, "zero where there are rounds")

    def parameters(self, spec: MarketSpec, own: Sequence[float] = ()) -> Sequence[float]:
        """Return the parameters of the assignments, the strategy's `own`, and the schedule in ticks."""
        seconds = spec.step_seconds
        renewal = 1.0 if self.interval_seconds == 0 else -math.expm1(-seconds / self.interval_seconds)
        expiry = 0.0 if self.patience_seconds == 0 else -math.expm1(-seconds / self.patience_seconds)
        requote_rate = 1.0 if self.requote_rate == 0 else -math.expm1(-seconds * self.requote_rate)
        common = (
            spec.lots(self.quantity),
            SIDES[self.side],
            self.width * spec.price_scale_ticks,
            renewal,
            expiry,
            requote_rate,
            len(self.limits),
            len(self.limits[0]) if self.limits else 0,
            self.repeats,
            math.ceil(self.round_seconds / seconds),
        )
        schedule = [round(price / spec.tick_size) for row in self.limits for price in row]
        return (*common, *own, *(0.0,) * (SCHEDULE - OWN - len(own)), *schedule)
