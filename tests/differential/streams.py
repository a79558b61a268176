"""Streams of commands, valid and not: thirteen bytes a command, so that hypothesis can shrink what fails.

A command of zeros is none. Which order a cancel or replace names depends on what is open, as it does for a trader.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from marl_market.exchange.codes import CommandKind, TimeInForce
from marl_market.market.credit import Credit
from marl_market.market.rules import Rules
from tests.venue import Command

BYTES = 13
EXTREMES = (-(2**31), -(2**31) + 1, -(2**31) + 2, -(2**30), -1, 0, 1, 2**30, 2**31 - 2, 2**31 - 1)
MIDDLE_PRICES = {"dense": 1006, "wide": 0, "sparse": 0, "extreme": 0}
BANDS = {"dense": 7, "wide": 1080, "sparse": 10**9, "extreme": 2**31 - 900}
"""Price bands that bind now and then around a market that opens at 1000."""
MOVES = {"dense": 8, "wide": 120, "sparse": 2 * 10**9, "extreme": 2**31}
"""Moves of the last price that are large for the prices of a stream."""
MONEY = {"dense": 2000.0, "wide": 400.0, "sparse": 2e9, "extreme": 4e9}
"""Currency that buys some dozens of units at the prices of a stream."""
CREDITS = (*["unlimited"] * 4, "cash_account", "leveraged", "short_limited", "margin")
KINDS = (
    *[CommandKind.LIMIT] * 16,
    *[CommandKind.MARKET] * 4,
    *[CommandKind.CANCEL] * 4,
    *[CommandKind.REPLACE] * 4,
    *[CommandKind.STOP] * 2,
    *[CommandKind.STOP_LIMIT] * 2,
    CommandKind.CANCEL_ALL,
)
NAMES_AN_ORDER = (CommandKind.CANCEL, CommandKind.REPLACE)
ODD_KINDS = (0, 8, -1, 2**31 - 1)
ODD_SIDES = (0, 2, -2, -(2**15))  # an event has 16 bits for it
DISPLAYS = (*[0] * 5, 1, 3, 7, 2**63 - 1)
LIFETIMES = (*[0] * 5, 1, 2, 5, 2**31 - 1)
TIMES_IN_FORCE = (
    *[TimeInForce.GOOD_TILL_CANCEL] * 5,
    TimeInForce.IMMEDIATE_OR_CANCEL,
    TimeInForce.FILL_OR_KILL,
    TimeInForce.POST_ONLY,
)


class Sent(NamedTuple):
    """A command and its seat; `target` chooses the order that it names when it is sent; None is the end of a step."""

    seat: int
    command: Command | None
    target: int


def decode(stream: bytes, seats: int, prices: str, crowded: bool, maximum_quantity: int) -> Iterator[Sent]:
    """Yield the commands of a stream and its ends of steps; about one in twenty commands is invalid in itself.

    In a crowded stream nearly all are limit orders on their own side of the middle price, until seats are full.
    """
    for start in range(0, len(stream) - BYTES + 1, BYTES):
        chunk = stream[start : start + BYTES]
        if not any(chunk):
            continue
        first, seat, direction, low, high, size, target, odd, display, lifetime, force, trigger, terms = chunk
        if odd in (7, 8, 9, 10):
            yield Sent(0, None, 0)
            continue
        kind = int(KINDS[first % len(KINDS)])
        price_ticks = price(prices, low, high)
        side = 1 if direction & 1 else -1
        quantity = 1 + size % 23 if size < 240 else 60
        if kind == CommandKind.CANCEL_ALL and odd > 100:
            kind = int(CommandKind.LIMIT)
        if crowded and odd > 25:
            kind = int(CommandKind.LIMIT)
            side = 1 if price_ticks < MIDDLE_PRICES[prices] else -1
        time_in_force, display_lots = int(TIMES_IN_FORCE[force % 8]), DISPLAYS[display % len(DISPLAYS)]
        if odd in (1, 2):
            kind = ODD_KINDS[size % len(ODD_KINDS)]
        elif odd in (3, 4):
            side = ODD_SIDES[size % len(ODD_SIDES)]
        elif odd in (5, 6):
            most = maximum_quantity
            quantity = (0, -1, -(2**63), most + 1, 2**63 - 1, most, most >> 8)[size % 7]
        elif odd == 11:
            time_in_force = (-1, 4, 2**31 - 1)[size % 3]
        elif odd == 12:
            display_lots = (-1, -(2**63))[size % 2]
        lifetime_steps = (-1, -(2**31))[size % 2] if odd == 14 else LIFETIMES[lifetime % len(LIFETIMES)]
        command = Command(
            kind=kind,
            side=side,
            price_ticks=price_ticks,
            quantity_lots=quantity,
            client_order_id=first * 256 + odd,
            trigger_ticks=-(2**31) if odd == 13 else price(prices, trigger, high),
            display_lots=display_lots,
            time_in_force=time_in_force,
            lifetime_steps=lifetime_steps,
            reduce_only=int(terms % 4 == 0),
            sets_trigger=int(terms // 4 % 2 == 0),
            counts_filled=int(terms // 8 % 3 == 0),
        )
        yield Sent(seat % seats, command, target)


def price(prices: str, low: int, high: int) -> int:
    if prices == "dense":
        return 1000 + low % 12
    if prices == "wide":
        return -100 + (low * 256 + high) % 200
    if prices == "sparse":
        return (low - 128) * 16_000_000 + high % 4
    return EXTREMES[low % len(EXTREMES)]


def resolve(command: Command, target: int, own: Sequence[tuple[int, int, int]], issued: Sequence[int]) -> Command:
    """Let a cancel or replace name an order: mostly an open one of its seat, else an old, foreign or false one.

    `own` are the seat's open orders: id, price and trigger. Half of the replaces keep both.
    """
    if command.kind not in NAMES_AN_ORDER:
        return command
    if own and target < 200:
        order_id, price_ticks, trigger = own[target % len(own)]
        if target % 2:
            command = command._replace(price_ticks=price_ticks, trigger_ticks=trigger)
        return command._replace(order_id=order_id)
    if issued and target < 245:
        return command._replace(order_id=issued[-1 - target % min(len(issued), 40)])
    false = (0, -1, 2**63 - 1, -(2**63), *(issued[-1:] and [issued[-1] + 2**20, issued[-1] ^ 1]))
    return command._replace(order_id=false[target % 4])


def rules(prices: str, self_trade: str, banded: bool, called: bool, halted: bool) -> Rules:
    """Return rules that bind in a market with these prices."""
    return Rules(
        self_trade=self_trade,
        price_band_ticks=BANDS[prices] if banded else 0,
        opening_auction_steps=2 if called else 0,
        closing_auction_steps=3 if called else 0,
        halt_move_ticks=MOVES[prices] if halted else 0,
        halt_window_steps=4,
        halt_steps=2,
    )


def credit(prices: str, kind: str) -> Credit:
    """Return credit that binds in a market with these prices."""
    money = MONEY[prices]
    return {
        "unlimited": Credit(),
        "cash_account": Credit(initial_cash=money, initial_units=60, initial_margin=1.0, short_limit=0),
        "leveraged": Credit(money / 10, initial_margin=0.02, maintenance_margin=0.015, lending_rate=400.0),
        "short_limited": Credit(short_limit=45),
        "margin": Credit(money / 4, 10, 0.5, 0.45, short_limit=100, lending_rate=700.0),
    }[kind]
