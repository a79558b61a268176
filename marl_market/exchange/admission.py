"""Admission of orders: the venue's rejection reasons."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.book import LOWEST_KEY
from marl_market.exchange.codes import CommandKind, Phase, Reason, TimeInForce
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.credit import credit_rejection
from marl_market.exchange.matching import can_fill, limit_key
from marl_market.exchange.open_orders import reducible_lots
from marl_market.exchange.records import ASKS, BIDS, SEAT_ORDERS

LIMIT, MARKET = int(CommandKind.LIMIT), int(CommandKind.MARKET)
STOP, STOP_LIMIT = int(CommandKind.STOP), int(CommandKind.STOP_LIMIT)
GOOD_TILL_CANCEL, IMMEDIATE_OR_CANCEL = int(TimeInForce.GOOD_TILL_CANCEL), int(TimeInForce.IMMEDIATE_OR_CANCEL)
FILL_OR_KILL, POST_ONLY = int(TimeInForce.FILL_OR_KILL), int(TimeInForce.POST_ONLY)
CONTINUOUS, AUCTION, HALTED = int(Phase.CONTINUOUS), int(Phase.AUCTION), int(Phase.HALTED)
NO_REASON, SIDE_UNKNOWN = int(Reason.NONE), int(Reason.SIDE_UNKNOWN)
QUANTITY_NOT_POSITIVE, QUANTITY_ABOVE_MAXIMUM = int(Reason.QUANTITY_NOT_POSITIVE), int(Reason.QUANTITY_ABOVE_MAXIMUM)
PRICE_OUT_OF_RANGE, TOO_MANY_ORDERS = int(Reason.PRICE_OUT_OF_RANGE), int(Reason.TOO_MANY_ORDERS)
TIME_IN_FORCE_NOT_ALLOWED = int(Reason.TIME_IN_FORCE_NOT_ALLOWED)
DISPLAY_NEGATIVE, NOTIONAL_ABOVE_MAXIMUM = int(Reason.DISPLAY_NEGATIVE), int(Reason.NOTIONAL_ABOVE_MAXIMUM)
LIFETIME_NEGATIVE = int(Reason.LIFETIME_NEGATIVE)
WOULD_TAKE, CANNOT_FILL_ALL = int(Reason.WOULD_TAKE), int(Reason.CANNOT_FILL_ALL)
OUTSIDE_PRICE_BAND = int(Reason.OUTSIDE_PRICE_BAND)
SEAT_ABSENT, REDUCE_ONLY = int(Reason.SEAT_ABSENT), int(Reason.REDUCE_ONLY)
MARKET_HALTED, NOT_IN_AUCTION = int(Reason.MARKET_HALTED), int(Reason.NOT_IN_AUCTION)
ALL_SLOTS = np.uint64((1 << SEAT_ORDERS) - 1)
LOWEST_PRICE, HIGHEST_PRICE = -(2**31), 2**31 - 1


@inlined
def keeps_slot(kind, time_in_force):  # type: ignore[no-untyped-def]
    """Return whether an order of this kind may rest in the book."""
    return kind != MARKET and time_in_force != IMMEDIATE_OR_CANCEL and time_in_force != FILL_OR_KILL


@inlined
def needs_slot(kind, time_in_force):  # type: ignore[no-untyped-def]
    """Return whether an order of this kind may be open: it may rest, or it waits for its trigger."""
    return kind == STOP or kind == STOP_LIMIT or keeps_slot(kind, time_in_force)


@inlined
def outside_band(market, price_ticks):  # type: ignore[no-untyped-def]
    """Return whether a price is farther from the reference price than the venue's band."""
    return market.price_band > 0 and abs(price_ticks - market.public.reference_ticks) > market.price_band


@inlined
def band_edge(market, side):  # type: ignore[no-untyped-def]
    """Return the worst price of the venue's band for an order of `side`."""
    edge = side * np.floor(side * market.public.reference_ticks + market.price_band)
    return np.int32(min(max(edge, LOWEST_PRICE + 1), HIGHEST_PRICE))


@inlined
def taking_key(market, kind, side, price_ticks):  # type: ignore[no-untyped-def]
    """Return the lowest opposite key that an order may trade with; an order without a limit price has the band's."""
    if kind == LIMIT:
        return limit_key(side, price_ticks)
    if market.price_band == 0:
        return LOWEST_KEY + 1  # above the best of an empty ladder, below every price
    return limit_key(side, band_edge(market, side))


@inlined
def would_take(market, side, price_ticks):  # type: ignore[no-untyped-def]
    """Return whether a limit order would trade immediately."""
    return market.book.best[ASKS if side > 0 else BIDS] >= limit_key(side, price_ticks)


@inlined
def quantity_rejection(market, quantity_lots):  # type: ignore[no-untyped-def]
    """Return the rejection reason of a quantity, or Reason.NONE."""
    if quantity_lots <= 0:
        return QUANTITY_NOT_POSITIVE
    if quantity_lots > market.maximum_quantity:
        return QUANTITY_ABOVE_MAXIMUM
    return NO_REASON


@inlined
def notional(price_ticks, quantity_lots):  # type: ignore[no-untyped-def]
    """Return the absolute value of a price times a quantity, which may exceed 64 bits."""
    return abs(np.float64(price_ticks)) * np.float64(quantity_lots)


@inlined
def trigger_rejection(market, price_ticks, quantity_lots):  # type: ignore[no-untyped-def]
    """Return the rejection reason of a trigger for a quantity, or Reason.NONE; margin may be reserved at it."""
    if price_ticks == LOWEST_PRICE:
        return PRICE_OUT_OF_RANGE
    if notional(price_ticks, quantity_lots) > market.maximum_notional:
        return NOTIONAL_ABOVE_MAXIMUM
    return NO_REASON


@inlined
def price_rejection(market, price_ticks, quantity_lots):  # type: ignore[no-untyped-def]
    """Return the rejection reason of a limit price for a quantity, or Reason.NONE."""
    reason = trigger_rejection(market, price_ticks, quantity_lots)
    if reason == NO_REASON and outside_band(market, price_ticks):
        return OUTSIDE_PRICE_BAND
    return reason


@inlined
def kind_rejection(market, command):  # type: ignore[no-untyped-def]
    """Return the rejection reason of an order's kind in the present phase, or Reason.NONE."""
    kind, time_in_force = command.kind, command.time_in_force
    if time_in_force < GOOD_TILL_CANCEL or time_in_force > POST_ONLY:
        return TIME_IN_FORCE_NOT_ALLOWED
    if time_in_force == POST_ONLY and kind != LIMIT:
        return TIME_IN_FORCE_NOT_ALLOWED
    if time_in_force == FILL_OR_KILL and kind != LIMIT and kind != MARKET:
        return TIME_IN_FORCE_NOT_ALLOWED
    if command.display_lots < 0:
        return DISPLAY_NEGATIVE
    if command.lifetime_steps < 0:
        return LIFETIME_NEGATIVE
    if market.phase == HALTED:
        return MARKET_HALTED
    if market.phase == AUCTION and not needs_slot(kind, time_in_force):
        return NOT_IN_AUCTION
    return NO_REASON


@inlined
def slot_rejection(market, seat_index, command):  # type: ignore[no-untyped-def]
    """Return Reason.TOO_MANY_ORDERS where an order needs a slot and its seat has none left, or Reason.NONE."""
    full = market.seat[np.uint64(seat_index)].live == ALL_SLOTS
    return TOO_MANY_ORDERS if full and needs_slot(command.kind, command.time_in_force) else NO_REASON


@inlined
def twice_reserved_price(market, command):  # type: ignore[no-untyped-def]
    """Return twice the price at which a new order's margin is reserved, in ticks."""
    kind = command.kind
    if kind == STOP:
        return 2 * np.int64(command.trigger_ticks)
    if kind != MARKET:
        return 2 * np.int64(command.price_ticks)
    if market.price_band > 0:
        return 2 * np.int64(band_edge(market, command.side))
    return np.int64(market.public.twice_mark_ticks)


@inlined
def book_rejection(market, seat_index, command, quantity_lots):  # type: ignore[no-untyped-def]
    """Return the rejection reason of an order of `quantity_lots` in the present book, or Reason.NONE."""
    kind = command.kind
    if command.time_in_force == POST_ONLY and would_take(market, command.side, command.price_ticks):
        return WOULD_TAKE
    if command.time_in_force == FILL_OR_KILL:
        key = taking_key(market, kind, command.side, command.price_ticks)
        if not can_fill(market, seat_index, command.side, key, quantity_lots):
            return CANNOT_FILL_ALL
    return NO_REASON


@inlined
def is_plain(market, seat, kind, command):  # type: ignore[no-untyped-def]
    """Return whether a limit or market order is accepted without the checks of `rejection_reason`, as nearly all are.

    All conditions are evaluated at once: one branch, which is nearly always taken.
    """
    side, quantity, limited = command.side, command.quantity_lots, kind == LIMIT
    sound = (side * side == 1) & (quantity > 0) & (quantity <= market.plain_quantity)
    special = (command.time_in_force != GOOD_TILL_CANCEL) | (command.display_lots != 0) | (command.reduce_only != 0)
    special |= command.lifetime_steps < 0
    venue = (market.phase != CONTINUOUS) | (market.limits_orders == 1) | (market.price_band > 0)
    fits = (seat.live != ALL_SLOTS) & (command.price_ticks != LOWEST_PRICE)
    return (seat.present == 1) & sound & (fits | (not limited)) & (not special) & (not venue)


@inlined
def allowed_lots(market, seat, command):  # type: ignore[no-untyped-def]
    """Return the quantity of a new order that may be accepted: of a reduce-only one, at most what it can reduce."""
    if command.reduce_only == 0:
        return command.quantity_lots
    market.reducing = 1
    return min(command.quantity_lots, reducible_lots(market.public, seat.account, np.int64(command.side)))


@compiled
def rejection_reason(market, seat_index, command, quantity_lots):  # type: ignore[no-untyped-def]
    """Return the rejection reason of a new order of which `quantity_lots` are allowed, or Reason.NONE."""
    seat = market.seat[np.uint64(seat_index)]
    if seat.present == 0:
        return SEAT_ABSENT
    if command.side != 1 and command.side != -1:
        return SIDE_UNKNOWN
    reason = quantity_rejection(market, command.quantity_lots)
    if reason != NO_REASON:
        return reason
    if quantity_lots <= 0:
        return REDUCE_ONLY
    kind = command.kind
    if kind == LIMIT or kind == STOP_LIMIT:
        reason = price_rejection(market, command.price_ticks, command.quantity_lots)
        if reason != NO_REASON:
            return reason
    if kind == STOP or kind == STOP_LIMIT:
        reason = trigger_rejection(market, command.trigger_ticks, command.quantity_lots)
        if reason != NO_REASON:
            return reason
    reason = kind_rejection(market, command)
    if reason == NO_REASON:
        reason = slot_rejection(market, seat_index, command)
    if reason == NO_REASON and market.phase == CONTINUOUS:
        reason = book_rejection(market, seat_index, command, quantity_lots)
    if reason != NO_REASON or market.limits_orders == 0:
        return reason
    return credit_rejection(
        market.public, seat, np.int64(command.side), quantity_lots, twice_reserved_price(market, command),
        np.int64(-1), command.reduce_only != 0,
    )  # fmt: skip
