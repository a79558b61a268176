"""One account over several instruments: what a seat has and needs elsewhere, told to each of its books in turn.

Why told and not shared: every instrument has a record of its own, with its own book and its own part of each account,
so that the matching engine knows one instrument only. Instruments are carried out one after the other within a step,
and each is told anew before its turn: what it checks is exact.
"""

from __future__ import annotations

from marl_market.exchange.compiled import compiled
from marl_market.exchange.credit import exposure, holding, margin, required_twice, value, worth_twice
from marl_market.exchange.presence import leave


@compiled
def tell_elsewhere(instruments, number, told):  # type: ignore[no-untyped-def]
    """Tell instrument `told` of market `number` what its seats have and need in all others.

    `instruments` are market records of shape (instruments, markets).
    """
    if not (instruments[told, number].limits_orders == 1 or instruments[told, number].watches_accounts == 1):
        return
    for i in range(instruments[told, number].seat_count):
        account = instruments[told, number].seat[i].account
        account.worth_elsewhere_twice = 0
        account.margin_elsewhere_twice = 0
        account.maintenance_elsewhere_twice = 0
        account.cash_elsewhere = 0
        for n in range(instruments.shape[0]):
            if n != told:
                add_elsewhere(account, instruments[n, number].public, instruments[n, number].seat[i])


@compiled
def add_elsewhere(account, public, seat):  # type: ignore[no-untyped-def]
    """Add what a seat has and needs in one other instrument."""
    other = seat.account
    account.worth_elsewhere_twice += worth_twice(public, other) - other.worth_elsewhere_twice
    account.cash_elsewhere += public.credit.initial_cash + other.cash
    most = 0
    for side in (1, -1):
        lots, needed, lost = exposure(public, seat, side, 0, public.mark_twice_ticks, -1)
        most = max(most, required_twice(public, other, side, max(lots, 0), needed, lost))
    account.margin_elsewhere_twice += most
    held = value(public, abs(holding(public, other)), public.mark_twice_ticks)
    account.maintenance_elsewhere_twice += margin(held, public.credit.maintenance_parts_per_million)


@compiled
def leave_everywhere(instruments, number):  # type: ignore[no-untyped-def]
    """Take the seats that have left one instrument of market `number` out of all others."""
    for i in range(instruments[0, number].seat_count):
        left = False
        for n in range(instruments.shape[0]):
            seat = instruments[n, number].seat[i]
            left = left or seat.present < seat.present_before
        for n in range(instruments.shape[0]):
            if left and instruments[n, number].seat[i].present == 1:
                leave(instruments[n, number], i)
