"""Credit checks: the holding and the equity of a seat, and the margin that its open orders require.

The formulas are those of `marl_market.market.credit.Credit`. Everything is computed on demand, from the account and at
most `SEAT_ORDERS` open orders: the matching loop keeps no reserves, and with unlimited credit none of this runs.

Money is counted twice here, since the mark is. Assumptions: equity is below `LARGEST` half cash units, which the limits
of `marl_market.market.limits` ensure; no seat can afford an order of a larger value.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.codes import CommandKind, Reason
from marl_market.exchange.compiled import compiled, inlined
from marl_market.market.credit import MILLION

STOP = int(CommandKind.STOP)
NO_REASON, INSUFFICIENT_FUNDS, SHORT_LIMIT = int(Reason.NONE), int(Reason.INSUFFICIENT_FUNDS), int(Reason.SHORT_LIMIT)
LARGEST = 2**61 - 1


@inlined
def holding(public, account):  # type: ignore[no-untyped-def]
    """Return the lots of a seat, its initial ones included; negative is a short position."""
    return public.credit.initial_lots + account.position


@inlined
def twice_equity(public, account):  # type: ignore[no-untyped-def]
    """Return twice the equity of a seat in cash units: its cash and its holding at the mark, in all instruments."""
    lots, mark = holding(public, account), public.twice_mark_ticks
    size = value(public, abs(lots), mark)
    held = -size if (lots < 0) != (mark < 0) else size
    return 2 * (public.credit.initial_cash + account.cash) + held + account.twice_equity_elsewhere


@inlined
def value(public, lots, ticks):  # type: ignore[no-untyped-def]
    """Return the absolute value of `lots` at `ticks` each, in cash units; at most `LARGEST`."""
    size = abs(ticks)
    if np.float64(lots) * np.float64(size) * np.float64(public.cash_per_tick_lot) > LARGEST:
        return np.int64(LARGEST)
    return np.int64(lots * size * public.cash_per_tick_lot)


@inlined
def margin(amount, parts_per_million):  # type: ignore[no-untyped-def]
    """Return a part of an amount, rounded up; above any equity where the amount is `LARGEST`."""
    if amount >= LARGEST and parts_per_million > 0:
        return np.int64(2 * LARGEST)
    millions = amount // MILLION
    rest = amount - millions * MILLION
    return np.int64(millions * parts_per_million - (-rest * parts_per_million) // MILLION)


@inlined
def need(public, side, twice_price):  # type: ignore[no-untyped-def]
    """Return the need of a lot at a price: the price that the margin applies to, and the loss at the mark."""
    mark = public.twice_mark_ticks
    loss = side * (twice_price - mark)
    if loss > 0:
        return abs(mark), loss
    return abs(twice_price), np.int64(0)


@inlined
def weight(public, twice_price, loss):  # type: ignore[no-untyped-def]
    """Return the need of a lot as one number, to compare orders by."""
    return public.credit.initial_parts_per_million * twice_price + MILLION * loss


@compiled
def exposure(public, seat, side, quantity_lots, twice_price, without, reduces):  # type: ignore[no-untyped-def]
    """Return the lots that a side's open orders could open, one more order of `quantity_lots` included.

    With them comes the largest `need` of these orders' lots. The order in slot `without` does not count, -1 counts
    all. Negative lots are a holding that the orders would not close. Reduce-only orders, and the one more if it
    `reduces`, open nothing themselves, but may close the holding before the others do.
    """
    held = max(-side * holding(public, seat.account), 0)
    lots, closing = quantity_lots, np.int64(0)
    needed, lost = need(public, side, twice_price)
    if reduces:
        lots, closing = np.int64(0), quantity_lots
        needed, lost = np.int64(0), np.int64(0)
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        order = seat.order[slot]
        if slot == without or order.side != side:
            continue
        if order.reduce_only != 0:
            closing += order.leaves_quantity + order.reserve_quantity
            continue
        lots += order.leaves_quantity + order.reserve_quantity
        price, loss = need(public, side, 2 * np.int64(order.trigger_ticks if order.kind == STOP else order.price_ticks))
        if weight(public, price, loss) > weight(public, needed, lost):
            needed, lost = price, loss
    return lots + min(closing, held) - held, needed, lost


@inlined
def twice_required(public, account, side, lots, needed, lost):  # type: ignore[no-untyped-def]
    """Return twice the equity that an account requires to open `lots` more, each of the `need` (`needed`, `lost`)."""
    held = max(side * holding(public, account), 0)
    covered = value(public, held, public.twice_mark_ticks) + value(public, lots, needed)
    return margin(covered, public.credit.initial_parts_per_million) + value(public, lots, lost)


@compiled
def credit_rejection(public, seat, side, quantity_lots, twice_price, without, reduces):  # type: ignore[no-untyped-def]
    """Return the credit's rejection reason of an order that replaces the one in slot `without` (-1: none), or NONE.

    It `reduces` where it is reduce-only.
    """
    credit, account = public.credit, seat.account
    lots, needed, lost = exposure(public, seat, side, quantity_lots, twice_price, without, reduces)
    if lots <= 0:
        return NO_REASON
    owed = lots + max(-holding(public, account), 0)
    if side < 0 and credit.short_limit >= 0 and owed > credit.short_limit:
        return SHORT_LIMIT
    if credit.initial_parts_per_million == 0:
        return NO_REASON
    required = twice_required(public, account, side, lots, needed, lost) + account.twice_margin_elsewhere
    if required > twice_equity(public, account):
        return INSUFFICIENT_FUNDS
    return NO_REASON
