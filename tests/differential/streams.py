"""Streams of commands, valid and not: eight bytes a command, so that hypothesis can shrink what fails.

A command of zeros is none. Which order a cancel names depends on what is open, as it does for a trader.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from marl_market.exchange.records import CommandKind

BYTES = 8
EXTREMES = (-(2**31), -(2**31) + 1, -(2**31) + 2, -(2**30), -1, 0, 1, 2**30, 2**31 - 2, 2**31 - 1)
CENTERS = {"dense": 1006, "wide": 0, "sparse": 0, "extreme": 0}
KINDS = (
    *[CommandKind.LIMIT] * 9,
    *[CommandKind.MARKET] * 2,
    *[CommandKind.CANCEL] * 4,
    CommandKind.CANCEL_ALL,
)
ODD_KINDS = (0, 5, -1, 2**31 - 1)
ODD_SIDES = (0, 2, -2, -(2**15))  # an event has 16 bits for it


class Command(NamedTuple):
    """A command of a seat; `target` is resolved to an order id when its turn comes."""

    seat: int
    kind: int
    side: int
    price_ticks: int
    quantity_lots: int
    target: int
    client_order_id: int


def decode(stream: bytes, seats: int, prices: str, crowded: bool, maximum_quantity: int) -> Iterator[Command]:
    """Yield the commands of a stream; about one in thirty is invalid in itself.

    In a crowded stream nearly all are limit orders on their own side of the center, until seats are full.
    """
    for start in range(0, len(stream) - BYTES + 1, BYTES):
        chunk = stream[start : start + BYTES]
        if not any(chunk):
            continue
        first, seat, direction, low, high, size, target, odd = chunk
        kind = int(KINDS[first % len(KINDS)])
        price_ticks = price(prices, low, high)
        side = 1 if direction & 1 else -1
        quantity = 1 + size % 23
        if kind == CommandKind.CANCEL_ALL and odd > 100:
            kind = int(CommandKind.LIMIT)
        if crowded and odd > 25:
            kind = int(CommandKind.LIMIT)
            side = 1 if price_ticks < CENTERS[prices] else -1
        if odd in (1, 2):
            kind = ODD_KINDS[size % len(ODD_KINDS)]
        elif odd in (3, 4):
            side = ODD_SIDES[size % len(ODD_SIDES)]
        elif odd in (5, 6):
            quantity = (0, -1, -(2**63), maximum_quantity + 1, 2**63 - 1)[size % 5]
        yield Command(seat % seats, kind, side, price_ticks, quantity, target, first * 256 + odd)


def price(prices: str, low: int, high: int) -> int:
    if prices == "dense":
        return 1000 + low % 12
    if prices == "wide":
        return -100 + (low * 256 + high) % 200
    if prices == "sparse":
        return (low - 128) * 16_000_000 + high % 4
    return EXTREMES[low % len(EXTREMES)]


def resolve(command: Command, own: Sequence[int], issued: Sequence[int]) -> int:
    """Return the order id that a cancel names: mostly an open order of its seat, else an old, foreign or false one."""
    if command.kind != CommandKind.CANCEL:
        return 0
    if own and command.target < 200:
        return own[command.target % len(own)]
    if issued and command.target < 245:
        return issued[-1 - command.target % min(len(issued), 40)]
    return (0, -1, 2**63 - 1, -(2**63), *(issued[-1:] and [issued[-1] + 2**20, issued[-1] ^ 1]))[command.target % 4]
