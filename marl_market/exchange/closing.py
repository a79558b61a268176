"""The closing value of a seat: its cash and what the market would give for its position now.

The position is valued as if it were closed against the published quotes of the other seats, level after level, each up
to the market's mean depth at the best price and none at a better price than the mark. What they cannot absorb is valued
at the session's worst mark (the lowest for a long position, the highest for a short one), and as if the book went on
beyond its published levels as it is up to the last one, at least a price scale farther for each size scale: with R lots
left behind L lots (a size scale at least) that reach d ticks from the mark (a price scale at least), each of them is
d (1 + R / 2L) ticks worse still. The taker's fee of the seat's tier is subtracted; a rebate is not added.

A quote counts only after it has stood through a whole step, as for the mark: of the last two published books the one is
taken in which closing costs more. Outside continuous trading none has stood, and the earlier book counts as empty.

Why no own quotes: a seat that bids for its own position finds no buyer for it. Why no quotes that have not stood: a
friend could show them for a moment in which no seat can sell. Why no more than the mean depth: a friend could let a
large quote stand against a position that is as large. Why the worst mark: a seat must not gain by a price that it has
pushed, before it has traded there.

Assumptions: only displayed quantity counts; endowments are no position.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.codes import Phase
from marl_market.exchange.compiled import OPTIONS, compiled
from marl_market.exchange.fees import BILLION
from marl_market.exchange.records import ASKS, BIDS

CONTINUOUS = int(Phase.CONTINUOUS)


@compiled
def own_lots(seat, ladder, price_ticks):  # type: ignore[no-untyped-def]
    """Return the displayed quantity of a seat's own orders of a ladder at a price."""
    lots = np.int64(0)
    slots = seat.live
    while slots != 0:
        order = seat.order[lowest_bit(slots)]
        slots &= slots - np.uint64(1)
        if order.ladder == ladder and order.price_ticks == price_ticks:
            lots += order.leaves_quantity
    return lots


@compiled
def cost_in_book(public, seat, levels, depth, ladder):  # type: ignore[no-untyped-def]
    """Return the cost of `closing_cost` in a book of `depth` levels `(2, PUBLIC_LEVELS)`."""
    side = 1 - 2 * ladder
    mark = 0.5 * public.twice_mark_ticks
    left, absorbed = abs(seat.account.position), np.int64(0)
    reach = public.price_scale_ticks
    cost = 0.0
    for i in range(depth):
        level = levels[ladder, i]
        price = np.int64(level.price_ticks)
        lots = np.int64(level.quantity_lots)
        if seat.account.open_lots[ladder] > 0:
            lots = max(lots - own_lots(seat, ladder, price), np.int64(0))
        distance = max(side * (mark - price), 0.0)
        reach = max(reach, distance)
        lots = min(lots, public.depth_scale_lots)
        taken = min(lots, left)
        cost += distance * taken
        absorbed += lots
        left -= taken
        if left == 0:
            return cost
    worst = 0.5 * (public.twice_low_ticks if side > 0 else public.twice_high_ticks)
    beyond = reach * (1.0 + 0.5 * left / max(np.float64(absorbed), public.size_scale_lots))
    return cost + left * (max(side * (mark - worst), 0.0) + beyond)


@compiled
def closing_cost(public, seat):  # type: ignore[no-untyped-def]
    """Return what closing a seat's position costs against its value at the mark, without fees, in ticks times lots."""
    ladder = BIDS if seat.account.position > 0 else ASKS
    stood = public.previous_depth[ladder] if public.phase == CONTINUOUS else 0
    now = cost_in_book(public, seat, public.level, public.depth[ladder], ladder)
    return max(now, cost_in_book(public, seat, public.previous_level, stood, ladder))


@compiled
def closing_profit(public, seat):  # type: ignore[no-untyped-def]
    """Return a seat's profit in cash units at its closing value, after fees and without the initial endowment."""
    account = seat.account
    position = account.position
    if position == 0:
        return np.float64(account.cash)
    unit = public.cash_per_tick_lot
    cost = closing_cost(public, seat)
    value = 0.5 * public.twice_mark_ticks * position - cost
    fees = public.fees[account.fee_tier]
    fee = abs(value) * unit * fees.taker_parts_per_billion / BILLION + np.float64(abs(position) * fees.taker_per_lot)
    return account.cash + value * unit - max(fee, 0.0)


@njit(cache=True, **OPTIONS)
def add_closing_profits(markets, profits):  # type: ignore[no-untyped-def]
    """Add the closing profits of the first seats of each market to `profits` `(markets, seats)`."""
    for i in range(markets.size):
        for j in range(profits.shape[1]):
            profits[i, j] += closing_profit(markets[i].public, markets[i].seat[j])


def closing_profits(instruments: NDArray[np.void], seats: int) -> NDArray[np.float64]:
    """Return the closing profits `(markets, seats)` of market records `(instruments, markets)`, in cash units."""
    profits = np.zeros((instruments.shape[1], seats))
    for markets in instruments:
        add_closing_profits(markets, profits)
    return profits
