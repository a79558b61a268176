"""Execution of an incoming order: fill what it can, and rest, cancel or reject the remainder."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.admission import CONTINUOUS, taking_key
from marl_market.exchange.codes import EventKind, Reason, SelfTrade
from marl_market.exchange.commands import is_order
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.events import emit
from marl_market.exchange.matching import match, rest_order

ACCEPTED, CANCELED, REJECTED = int(EventKind.ACCEPTED), int(EventKind.CANCELED), int(EventKind.REJECTED)
REPLACED, TRIGGERED = int(EventKind.REPLACED), int(EventKind.TRIGGERED)
NO_LIQUIDITY = int(Reason.NO_LIQUIDITY)
SELF_TRADE, DECREMENT = int(Reason.SELF_TRADE), int(SelfTrade.DECREMENT)


@compiled
def reject(market, seat_index, command, reason):  # type: ignore[no-untyped-def]
    """Reject a command for `reason`; nothing else changes."""
    seat = market.seat[seat_index]
    seat.account.rejected += 1
    if is_order(command.kind):
        seat.rejections[reason] += 1
    event = emit(
        market, REJECTED, seat_index, command.side, command.price_ticks, command.quantity_lots, 0, command.order_id,
        command.client_order_id,
    )  # fmt: skip
    event.reason = reason


@inlined
def match_order(market, seat_index, kind, side, price_ticks, quantity_lots, order_id, client_order_id):  # type: ignore[no-untyped-def]
    """Match an accepted order in continuous trading; return its leaves quantity."""
    if market.phase != CONTINUOUS:
        return quantity_lots
    key = taking_key(market, kind, side, price_ticks)
    return match(market, seat_index, side, key, quantity_lots, order_id, client_order_id)


@inlined
def cancel_remainder(market, seat_index, side, price_ticks, leaves, order_id, client_order_id):  # type: ignore[no-untyped-def]
    """Cancel the remainder of an order that may not rest."""
    event = emit(market, CANCELED, seat_index, side, price_ticks, leaves, 0, order_id, client_order_id)
    event.reason = NO_LIQUIDITY


@compiled
def decremented_lots(market, order_id):  # type: ignore[no-untyped-def]
    """Return what self-trade prevention has canceled of the order that has just been matched."""
    lots = np.int64(0)
    for i in range(market.event_count - 1, -1, -1):
        event = market.event[i]
        if event.order_id == order_id:
            if event.kind == CANCELED and event.reason == SELF_TRADE:
                lots += event.quantity_lots
            elif event.kind == ACCEPTED or event.kind == REPLACED or event.kind == TRIGGERED:
                break
    return lots


@compiled
def execute_again(market, seat_index, slot, kind, side, price_ticks, quantity_lots, order_id, client_order_id):  # type: ignore[no-untyped-def]
    """Match an order that is no new command; its remainder rests in `slot`, or is canceled where `slot` is -1."""
    leaves = match_order(market, seat_index, kind, side, price_ticks, quantity_lots, order_id, client_order_id)
    if leaves == 0:
        return
    if slot >= 0:
        seat = market.seat[seat_index]
        order = seat.order[slot]
        if market.self_trade == DECREMENT:
            order.total_lots -= decremented_lots(market, order_id)
        rest_order(market, seat_index, slot, leaves, seat.display_lots[slot] if order.is_iceberg == 1 else 0)
    else:
        cancel_remainder(market, seat_index, side, price_ticks, leaves, order_id, client_order_id)
