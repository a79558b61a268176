"""Participation: seats may arrive within a session and depart for good.

Assumptions: a seat is present in one interval of steps at most. An absent seat neither decides nor has orders; its
account stays unchanged, so that positions are conserved and valued at the mark.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.codes import CommandKind, EventKind, Phase, Reason
from marl_market.exchange.compiled import compiled
from marl_market.exchange.credit import holding
from marl_market.exchange.events import emit
from marl_market.exchange.execution import execute_again
from marl_market.exchange.order_entry import cancel_all, trigger_stops
from marl_market.exchange.records import REFERENCE_BITS, SLOT_BITS

ACCEPTED, MARKET, CONTINUOUS = int(EventKind.ACCEPTED), int(CommandKind.MARKET), int(Phase.CONTINUOUS)
SEAT_ABSENT = int(Reason.SEAT_ABSENT)


@compiled
def leave(market, seat_index):  # type: ignore[no-untyped-def]
    """Remove a seat from the market: its open orders are canceled, its account stays unchanged."""
    cancel_all(market, seat_index, SEAT_ABSENT)
    market.seat[seat_index].present = 0


@compiled
def close_position(market, seat_index, lots, reason):  # type: ignore[no-untyped-def]
    """Close a position of `lots` at market, as far as the book can fill it.

    Nothing is closed outside continuous trading.
    """
    if lots == 0 or market.phase != CONTINUOUS:
        return
    side = np.int32(-1 if lots > 0 else 1)
    seat = market.seat[seat_index]
    seat.account.ordered_lots += abs(lots)
    seat.order_sequence += 1
    order_id = (seat.order_sequence << REFERENCE_BITS) | (seat_index << SLOT_BITS)
    event = emit(market, ACCEPTED, seat_index, side, 0, abs(lots), abs(lots), order_id, 0)
    event.reason = reason
    execute_again(market, seat_index, np.int64(-1), MARKET, side, np.int32(0), abs(lots), order_id, np.int32(0))
    trigger_stops(market)


@compiled
def admit_and_remove(market):  # type: ignore[no-untyped-def]
    """Remove the seats that depart after this step, and admit those that arrive in the next one."""
    following = market.public.step + 1
    for i in range(market.seat_count):
        seat = market.seat[i]
        if seat.present == 1 and seat.departure_step <= following:
            leave(market, i)
            if seat.closes_position == 1:
                close_position(market, i, holding(market.public, seat.account), SEAT_ABSENT)
        elif seat.arrival_step == following:
            seat.present = 1
