"""Cross-instrument accounts: equity and margins of a seat in its other instruments, copied to each instrument in turn.

Why copied and not shared: every instrument has a record of its own, with its own book and its own part of each account,
so that the matching engine knows one instrument only. Instruments are processed one after the other within a step, and
each is synchronized before its turn, so that its credit checks are exact.
"""

from __future__ import annotations

from marl_market.exchange.accounts import clear_cross_instrument
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.credit import (
    LARGEST,
    exposure,
    holding,
    margin,
    twice_equity,
    twice_required,
    value,
)
from marl_market.exchange.latency import visible_public
from marl_market.exchange.participation import leave
from marl_market.exchange.pointers import record_after


@inlined
def instrument(first, number):  # type: ignore[no-untyped-def]
    """Return the record of instrument `number` of the market whose first instrument is `first`."""
    return record_after(first, number * first.instrument_bytes)


@compiled
def sync_cross_instrument(first, index):  # type: ignore[no-untyped-def]
    """Write the seats' equity and margins in all other instruments of a market into instrument `index`.

    `first` is the record of the market's first instrument.
    """
    for i in range(first.seat_count):
        sync_seat(first, index, i, False)


@compiled
def sync_seat(first, index, seat_index, observed):  # type: ignore[no-untyped-def]
    """Write a seat's equity and margins in all other instruments, as they are or, if `observed`, as it observes them.

    Its positions are never late, but the prices that value them are as late as its market data.
    """
    market = instrument(first, index)
    if not (market.limits_orders == 1 or market.watches_accounts == 1):
        return
    account = market.seat[seat_index].account
    clear_cross_instrument(account)
    for n in range(first.instrument_count):
        if n != index:
            other = instrument(first, n)
            public = other.public
            if observed and other.history_steps > 0:
                public = visible_public(other, seat_index)
            add_instrument(account, public, other.seat[seat_index])


@compiled
def observe_elsewhere(market, seat_index, observed):  # type: ignore[no-untyped-def]
    """Value a late seat's positions in other instruments as it observes them, or as the venue does."""
    if market.instrument_count > 1:
        number = market.public.instrument
        sync_seat(record_after(market, -number * market.instrument_bytes), number, seat_index, observed)


@compiled
def add_instrument(account, public, seat):  # type: ignore[no-untyped-def]
    """Add the holding, the equity and the margins of a seat in one other instrument; margins up to `LARGEST`."""
    other = seat.account
    account.held_lots_elsewhere += abs(holding(public, other))
    account.twice_equity_elsewhere += twice_equity(public, other) - other.twice_equity_elsewhere
    account.cash_elsewhere += public.credit.initial_cash + other.cash
    most = 0
    for side in (1, -1):
        lots, needed, lost = exposure(public, seat, side, 0, public.twice_mark_ticks, -1, False)
        most = max(most, twice_required(public, other, side, max(lots, 0), needed, lost))
    account.twice_margin_elsewhere = min(account.twice_margin_elsewhere + most, LARGEST)
    held = value(public, abs(holding(public, other)), public.twice_mark_ticks)
    asked = margin(held, public.credit.maintenance_parts_per_million)
    account.twice_maintenance_elsewhere = min(account.twice_maintenance_elsewhere + asked, LARGEST)


@compiled
def remove_from_all_instruments(first):  # type: ignore[no-untyped-def]
    """Remove the seats that have left one instrument of a market from all others."""
    for i in range(first.seat_count):
        left = False
        for n in range(first.instrument_count):
            seat = instrument(first, n).seat[i]
            left = left or seat.present < seat.present_before
        for n in range(first.instrument_count):
            market = instrument(first, n)
            if left and market.seat[i].present == 1:
                leave(market, i)
