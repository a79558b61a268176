"""Chooses the tick and the lot of a recording: the user's, or the greatest common divisor of what the file shows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from marl_market.calibration.readers.source import Source
from marl_market.calibration.readers.summary import Summary
from marl_market.market.tape import Side
from marl_market.market.units import from_steps, to_steps


@dataclass(frozen=True)
class Step:
    """A tick or a lot, counted in the whole units that a file is read in.

    Attributes:
        units: whole units in one step.
        size: the same step in currency (tick) or in units of quantity (lot).
    """

    units: int
    size: float


def choose_step(given: float | str | None, observed: Iterable[int], places: int, field: str) -> Step:
    """Return the step `given`, or else the greatest common divisor of the `observed` amounts.

    `observed` are whole units of 10^-places. Raises ValueError, naming `field`, where `given` is no whole number of
    them above zero, and where it is None and nothing was observed.
    """
    unit = Decimal(1).scaleb(-places)
    units = math.gcd(*observed) if given is None else to_steps(given, unit, field)
    if units <= 0:
        raise ValueError(f"{field} is {given}; it must be above zero, or null where the file shows amounts above zero")
    return Step(units, float(from_steps(units, unit)))


class Grid:
    """Prices or sizes of one reading, in whole units of 10^-places, and the step between them."""

    def __init__(self, given: float | str | None, places: int, field: str, summary: Summary) -> None:
        self._given, self._places, self._field, self._summary = given, places, field, summary
        self._divisor = 0
        self._units = None if given is None else choose_step(given, (), places, field).units

    def price(self, units: int, side: int, source: Source, line: int) -> int:
        """Return a price of an order, on the given tick: a buy order's rounded down, a sell order's up, and counted."""
        if self._units is None:
            self._divisor = math.gcd(self._divisor, units)
            return units
        if units % self._units:
            self._count_rounded("price", source, line, units)
            return (units // self._units + (side == Side.SELL)) * self._units
        return units

    def size(self, units: int, source: Source, line: int) -> int:
        """Return the size as it is; one between two given lots is counted, since the recorder rounds it at the end."""
        if self._units is None:
            self._divisor = math.gcd(self._divisor, units)
        elif units % self._units:
            self._count_rounded("size", source, line, units)
        return units

    def step(self) -> Step:
        """Return the tick or lot; raises ValueError where none was given and nothing was observed."""
        return choose_step(self._given, (self._divisor,), self._places, self._field)

    def _count_rounded(self, amount: str, source: Source, line: int, units: int) -> None:
        found = str(from_steps(units, Decimal(1).scaleb(-self._places)))
        self._summary.repair(f"{amount} rounded to {self._field} {self._given}", source, line, found)
