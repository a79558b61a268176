"""Account checks of the venue: interest on loans, liquidation below the maintenance margin, removal of bankrupt seats.

Assumptions: seats are checked in their order, each in the market that the checks before it have left; absent seats are
not checked, and none are during the warmup.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.codes import CommandKind, EventKind, Phase, Reason
from marl_market.exchange.compiled import compiled
from marl_market.exchange.credit import credit_rejection, holding, margin, twice_equity, value
from marl_market.exchange.excess import accounts_fit, halt_for_good
from marl_market.exchange.fees import BILLION, carry
from marl_market.exchange.open_orders import terminate_order
from marl_market.exchange.order_entry import cancel_all
from marl_market.exchange.participation import close_position, leave
from marl_market.exchange.publication import publish

CANCELED = int(EventKind.CANCELED)
NO_REASON, LIQUIDATION, CONTINUOUS = int(Reason.NONE), int(Reason.LIQUIDATION), int(Phase.CONTINUOUS)
STOP = int(CommandKind.STOP)
ONE = np.uint64(1)


@compiled
def charge_loan(market, seat_index):  # type: ignore[no-untyped-def]
    """Charge a seat one step's interest on its loans: the value of its short position, and cash below zero."""
    public, account = market.public, market.seat[seat_index].account
    credit = public.credit
    twice_owed = value(public, max(-holding(public, account), 0), max(public.twice_mark_ticks, 0))
    overdrawn = min(credit.initial_cash + account.cash + account.cash_elsewhere, 0)
    interest = 0.5 * credit.lending_rate * np.float64(twice_owed) - credit.cash_rate * np.float64(overdrawn)
    if interest > market.largest_move:
        halt_for_good(market, seat_index)
        return
    units = np.int64(interest)
    charge = units + carry(account, np.int64((interest - units) * BILLION))
    account.cash -= charge
    account.fees += charge
    market.fees_collected += charge
    market.unchecked_move -= charge
    if market.unchecked_move < 0:
        accounts_fit(market)


@compiled
def uncovered(public, account):  # type: ignore[no-untyped-def]
    """Return whether an account's equity is below its maintenance margin, in all instruments."""
    held = value(public, abs(holding(public, account)), public.twice_mark_ticks)
    required = margin(held, public.credit.maintenance_parts_per_million) + account.twice_maintenance_elsewhere
    return twice_equity(public, account) < required


@compiled
def liquidate(market, seat_index):  # type: ignore[no-untyped-def]
    """Cancel all orders of a seat and close its position at market, as far as the book can fill it."""
    cancel_all(market, seat_index, LIQUIDATION)
    close_position(market, seat_index, holding(market.public, market.seat[seat_index].account), LIQUIDATION)


@compiled
def watch_accounts(market):  # type: ignore[no-untyped-def]
    """Charge loans, liquidate accounts below their maintenance margin and remove bankrupt seats."""
    public = market.public
    for i in range(market.seat_count):
        seat = market.seat[i]
        if seat.present == 0:
            continue
        account = seat.account
        if public.credit.lending_rate > 0.0:
            charge_loan(market, i)
        if market.liquidates == 0 or market.phase != CONTINUOUS:
            continue
        if uncovered(public, account):
            liquidate(market, i)
            empty = holding(public, account) == 0 and account.held_lots_elsewhere == 0
            if empty and twice_equity(public, account) <= 0:
                leave(market, i)


@compiled
def cancel_uncovered(market):  # type: ignore[no-untyped-def]
    """Cancel orders that the accounts of an opening session cannot cover, the latest first.

    Orders from before the session stay open while accounts start anew.
    """
    public = market.public
    canceled = False
    for i in range(market.seat_count):
        seat = market.seat[i]
        for side in (1, -1):
            while True:
                last = last_order(seat, side)
                if last < 0:
                    break
                order = seat.order[last]
                price = np.int64(order.trigger_ticks if order.kind == STOP else order.price_ticks)
                lots = order.leaves_quantity + order.reserve_quantity
                reduces = order.reduce_only != 0
                reason = credit_rejection(public, seat, np.int64(side), lots, 2 * price, last, reduces)
                if reason == NO_REASON:
                    break
                terminate_order(market, i, last, CANCELED, reason)
                canceled = True
    if canceled:
        publish(market)


@compiled
def last_order(seat, side):  # type: ignore[no-untyped-def]
    """Return the slot of the latest open order of a side, or -1 where there is none."""
    last = np.int64(-1)
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - ONE
        order = seat.order[slot]
        if order.side == side and (last < 0 or order.order_id > seat.order[last].order_id):
            last = slot
    return last
