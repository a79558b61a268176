"""Enumerations of kinds, reasons and phases in the records of the exchange."""

from __future__ import annotations

from enum import IntEnum


class CommandKind(IntEnum):
    """Kind of a command of a seat."""

    LIMIT = 1
    MARKET = 2
    CANCEL = 3
    CANCEL_ALL = 4
    REPLACE = 5
    STOP = 6
    STOP_LIMIT = 7


class TimeInForce(IntEnum):
    """Time in force of an order; POST_ONLY orders may rest but not take."""

    GOOD_TILL_CANCEL = 0
    IMMEDIATE_OR_CANCEL = 1
    FILL_OR_KILL = 2
    POST_ONLY = 3


class EventKind(IntEnum):
    """Kind of an event."""

    ACCEPTED = 1
    RESTED = 2
    FILLED = 3
    CANCELED = 4
    REJECTED = 5
    REPLACED = 6
    TRIGGERED = 7
    EXPIRED = 8


class Reason(IntEnum):
    """Reason of a rejection, a cancel, or an order of the venue itself."""

    NONE = 0
    QUANTITY_NOT_POSITIVE = 1
    QUANTITY_ABOVE_MAXIMUM = 2
    PRICE_OUT_OF_RANGE = 3
    SIDE_UNKNOWN = 4
    COMMAND_UNKNOWN = 5
    ORDER_UNKNOWN = 6
    TOO_MANY_ORDERS = 7
    BY_OWNER = 8
    SELF_TRADE = 9
    NO_LIQUIDITY = 10
    TIME_IN_FORCE_NOT_ALLOWED = 11
    WOULD_TAKE = 12
    CANNOT_FILL_ALL = 13
    OUTSIDE_PRICE_BAND = 14
    MARKET_HALTED = 15
    NOT_IN_AUCTION = 16
    DISPLAY_NEGATIVE = 17
    INSUFFICIENT_FUNDS = 18
    SHORT_LIMIT = 19
    LIQUIDATION = 20
    SEAT_ABSENT = 21
    TOO_MANY_IN_FLIGHT = 22
    SESSION_OVER = 23
    TOO_MANY_COMMANDS = 24
    REDUCE_ONLY = 25
    REPLACED = 26
    NOTIONAL_ABOVE_MAXIMUM = 27
    LIFETIME_NEGATIVE = 28


class SelfTrade(IntEnum):
    """Self-trade prevention: the venue's rule where an order matches a resting order of its own seat."""

    CANCEL_RESTING = 0
    CANCEL_INCOMING = 1
    DECREMENT = 2
    ALLOW = 3


class Phase(IntEnum):
    """Trading phase of the venue."""

    CONTINUOUS = 0
    AUCTION = 1
    HALTED = 2


class PublicKind(IntEnum):
    """Kind of a public event: an order that rests, a resting order that is canceled or expires, or a trade."""

    REST = 1
    CANCEL = 2
    TRADE = 3


class Liquidity(IntEnum):
    """Liquidity flag of a fill; of a cancel or an expiry, MAKER means displayed quantity that leaves the book."""

    MAKER = 1
    TAKER = 2
    AUCTION = 3
