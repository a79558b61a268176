"""Private values: what a customer would pay or take at most, unit after unit, as in induced-value auctions.

A trader of this family works on one assignment at a time: a side, a limit price and a quantity (Smith 1962; the
customer orders of Cliff's Bristol Stock Exchange). Its limit prices come from a schedule of supply or demand, or are
drawn. Nobody else sees them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import PARAM_VALUES
from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.commands import cancel_all, replace, submit_limit
from marl_market.exchange.compiled import compiled
from marl_market.exchange.random_streams import below, uniform
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

LOTS, SIDE_GIVEN, WIDTH, RENEWAL, EXPIRY, ATTENTION, ROWS, UNITS, REPEATS, ROUND = range(10)
OWN = 10
"""First of the parameters that are the strategy's own."""
SCHEDULE = 20

SIDE, LIMIT, TRADED, TAKEN, ANCHOR, BEGUN, ARRIVAL = range(7)
"""Places in the seat's memory; a side of zero says that there is no assignment."""
OWN_MEMORY = 8

SIDES = {"buy": 1, "sell": -1, "either": 0}


@compiled
def begin_round(seat, first, steps):  # type: ignore[no-untyped-def]
    """Draw when an assignment comes in the round of so many steps that begins with step `first`."""
    seat.agent.memory[ARRIVAL] = first + below(seat, steps)


@compiled
def work_on_assignment(public, seat, params):  # type: ignore[no-untyped-def]
    """Note what has been filled, drop and take assignments as their times come; return the lots that are left."""
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
    if seat.live != 0:  # what is taken before it is canceled would count as the next unit
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
def attends(seat, params):  # type: ignore[no-untyped-def]
    """Return whether the trader looks at the market in this step."""
    return uniform(seat) < params.value[ATTENTION]


@compiled
def quote_assignment(seat, price, left):  # type: ignore[no-untyped-def]
    """Have one order of `left` lots at `price`: one that is there already keeps its place in the queue."""
    price = np.int64(price)
    slots = seat.live
    if slots != 0 and slots & (slots - np.uint64(1)) == 0:
        order = seat.order[lowest_bit(slots)]
        if order.price_ticks != price or order.leaves_quantity != left:
            # A new order would be one too many where this one is taken before it is canceled.
            replace(seat, order, price, left)
        return
    cancel_all(seat)
    submit_limit(seat, np.int64(seat.agent.memory[SIDE]), price, left)


@dataclass(frozen=True)
class Assignments:
    """What the customers of a group ask for.

    Attributes:
        side: "buy", "sell", or "either", drawn for each assignment.
        limits: a schedule: for each seat of the group in turn, the limit prices of its successive units, in currency;
            all the same number of units. Without one, limits are drawn.
        width: distance from the price it saw first within which limits are drawn evenly, in price scales.
        quantity: of each unit, in size scales of the market.
        repeats: whether a schedule begins again after its last unit.
        interval_seconds: mean time from the end of an assignment to the next; 0 gives it at once.
        patience_seconds: mean time after which an assignment is withdrawn, filled or not; 0 never does.
        round_seconds: in each round of this length one assignment comes, at an evenly drawn time, and replaces the one
            before, done or not (the drip of customer orders of the Bristol Stock Exchange); 0 has no rounds.
        attention: mean looks at the market a second, at which the trader may change its quote; 0 looks each step.
    """

    side: str = "either"
    limits: Sequence[Sequence[float]] = ()
    width: float = 2.0
    quantity: float = 1.0
    repeats: bool = False
    interval_seconds: float = 0.0
    patience_seconds: float = 20.0
    round_seconds: float = 0.0
    attention: float = 0.0

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
        for name in ("interval_seconds", "patience_seconds", "round_seconds", "attention"):
            require(getattr(self, name) >= 0, f"assignments.{name}", getattr(self, name), "zero or more")
        either = self.interval_seconds == 0 or self.round_seconds == 0
        require(either, "assignments.interval_seconds", self.interval_seconds, "zero where there are rounds")

    def parameters(self, spec: MarketSpec, own: Sequence[float] = ()) -> Sequence[float]:
        """Return the mind's parameters: those of the assignments, the strategy's `own`, and the schedule in ticks."""
        seconds = spec.step_seconds
        renewal = 1.0 if self.interval_seconds == 0 else -math.expm1(-seconds / self.interval_seconds)
        expiry = 0.0 if self.patience_seconds == 0 else -math.expm1(-seconds / self.patience_seconds)
        attention = 1.0 if self.attention == 0 else -math.expm1(-seconds * self.attention)
        common = (
            spec.lots(self.quantity),
            SIDES[self.side],
            self.width * spec.price_scale_ticks,
            renewal,
            expiry,
            attention,
            len(self.limits),
            len(self.limits[0]) if self.limits else 0,
            self.repeats,
            math.ceil(self.round_seconds / seconds),
        )
        schedule = [round(price / spec.tick_size) for row in self.limits for price in row]
        return (*common, *own, *(0.0,) * (SCHEDULE - OWN - len(own)), *schedule)
