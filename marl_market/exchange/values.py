"""Values that an `Exchange` returns, in currency and units."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple


class Level(NamedTuple):
    """One price of the book.

    Attributes:
        price: in currency.
        quantity: displayed quantity, in units.
        orders: number of resting orders.
    """

    price: Decimal
    quantity: Decimal
    orders: int


class Indicative(NamedTuple):
    """What a call auction would trade if it ended now.

    Attributes:
        price: the uncrossing price, in currency.
        quantity: that it would trade, in units.
        imbalance: quantity bought less that sold at this price, executable or not, in units.
    """

    price: Decimal
    quantity: Decimal
    imbalance: Decimal


@dataclass(frozen=True)
class Statement:
    """The account of one seat.

    Attributes:
        cash: in currency, initial cash included; negative where more was spent.
        position: in units, initial units included; negative where it is short.
        realized: profit of closed positions at average cost, before fees, in currency.
        fees: paid so far, for loans too, in currency; below zero where rebates exceed them.
        traded: quantity of all fills with other seats, in units.
        trades: number of fills.
        rejected: number of rejected commands.
    """

    cash: Decimal
    position: Decimal
    realized: Decimal
    fees: Decimal
    traded: Decimal
    trades: int
    rejected: int
