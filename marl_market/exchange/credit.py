"""How far an account goes: what a seat holds, what that is worth, and what its open orders would need.

The formulas are those of `marl_market.market.credit.Credit`. Everything is computed when it is asked for, from the
account and at most `SEAT_ORDERS` open orders: the matching loop keeps no books of reserves, and where the venue gives
unlimited credit none of this runs.

Assumptions: nobody is worth `LARGEST` half cash units or more. Money is counted twice here, since the mark is.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.codes import CommandKind, Reason
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.publication import twice_profit

STOP = int(CommandKind.STOP)
NO_REASON, INSUFFICIENT_FUNDS, SHORT_LIMIT = int(Reason.NONE), int(Reason.INSUFFICIENT_FUNDS), int(Reason.SHORT_LIMIT)
MILLION = 1_000_000
LARGEST = 2**60


@inlined
def holding(public, account):  # type: ignore[no-untyped-def]
    """Return the lots a seat has; below zero it owes them."""
    return public.credit.initial_lots + account.position


@inlined
def twice_equity(public, account):  # type: ignore[no-untyped-def]
    """Return twice what a seat has, in cash units: what it was given at the mark, and what it has made of it.

    Its other instruments are included.
    """
    given = public.credit.initial_lots * public.twice_mark_ticks * public.cash_per_tick_lot
    return 2 * public.credit.initial_cash + given + twice_profit(public, account) + account.twice_equity_elsewhere


@inlined
def value(public, lots, ticks):  # type: ignore[no-untyped-def]
    """Return what `lots` at `ticks` each come to, without a sign; at most `LARGEST`."""
    size = abs(ticks)
    if np.float64(lots) * np.float64(size) * np.float64(public.cash_per_tick_lot) > LARGEST:
        return np.int64(LARGEST)
    return np.int64(lots * size * public.cash_per_tick_lot)


@inlined
def margin(worth, parts_per_million):  # type: ignore[no-untyped-def]
    """Return a part of a value, rounded up; more than anyone has where the value is beyond all bounds."""
    if worth >= LARGEST and parts_per_million > 0:
        return np.int64(2 * LARGEST)
    millions = worth // MILLION
    rest = worth - millions * MILLION
    return np.int64(millions * parts_per_million - (-rest * parts_per_million) // MILLION)


@inlined
def need(public, side, twice_price):  # type: ignore[no-untyped-def]
    """Return what a lot of an order at a price needs: the price of which a margin is asked, and its loss at once."""
    mark = public.twice_mark_ticks
    loss = side * (twice_price - mark)
    if loss > 0:
        return abs(mark), loss
    return abs(twice_price), np.int64(0)


@inlined
def weight(public, twice_price, loss):  # type: ignore[no-untyped-def]
    """Return a number that is larger where a lot needs more."""
    return public.credit.initial_parts_per_million * twice_price + MILLION * loss


@compiled
def exposure(public, seat, side, quantity_lots, twice_price, without):  # type: ignore[no-untyped-def]
    """Return the lots that a side's open orders could open, one more order of `quantity_lots` included.

    With them comes what a lot of the neediest of these orders needs, see `need`. The order in slot `without` does not
    count, -1 counts all. Fewer lots than none are a holding that would not even be closed.
    """
    lots = quantity_lots + min(side * holding(public, seat.account), 0)
    needed, lost = need(public, side, twice_price)
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        order = seat.order[slot]
        if slot == without or order.side != side:
            continue
        lots += order.leaves_quantity + order.reserve_quantity
        price, loss = need(public, side, 2 * np.int64(order.trigger_ticks if order.kind == STOP else order.price_ticks))
        if weight(public, price, loss) > weight(public, needed, lost):
            needed, lost = price, loss
    return lots, needed, lost


@inlined
def twice_required(public, account, side, lots, needed, lost):  # type: ignore[no-untyped-def]
    """Return twice what an account must be worth to open `lots` more, each of which needs so much, see `need`."""
    held = max(side * holding(public, account), 0)
    covered = value(public, held, public.twice_mark_ticks) + value(public, lots, needed)
    return margin(covered, public.credit.initial_parts_per_million) + value(public, lots, lost)


@compiled
def credit_rejection(public, seat, side, quantity_lots, twice_price, without):  # type: ignore[no-untyped-def]
    """Return why a seat's account cannot carry an order (in the place of the one in slot `without`), or Reason.NONE."""
    credit, account = public.credit, seat.account
    lots, needed, lost = exposure(public, seat, side, quantity_lots, twice_price, without)
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
