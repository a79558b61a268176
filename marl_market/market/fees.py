"""Fees of a venue."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from marl_market.market.units import decimal
from marl_market.market.validation import ConfigError, is_number, require

MAXIMUM_FEE_TIERS = 4
BILLION = 1_000_000_000
ROUNDING = Decimal("1e-9")


@dataclass(frozen=True)
class Fees:
    """Fees of each fill; a negative value is a rebate.

    A fee is charged on the absolute value of the notional. An account is charged whole cash units; what it owes besides
    is carried to its next fee, so that its fees are those of all its fills together, rounded down once.

    Attributes:
        maker_rate: charge to the resting side, as a fraction of the notional.
        taker_rate: charge to the aggressor, as a fraction of the notional.
        maker_per_unit: charge to the resting side, in currency per unit of quantity (a share, a coin).
        taker_per_unit: charge to the aggressor, in currency per unit of quantity.
        from_quantity: quantity traded in the session, in units, from which these fees apply.
    """

    maker_rate: float = 0.0
    taker_rate: float = 0.0
    maker_per_unit: float = 0.0
    taker_per_unit: float = 0.0
    from_quantity: float = 0.0

    def __post_init__(self) -> None:
        for name in ("maker_rate", "taker_rate"):
            rate = getattr(self, name)
            key = f"market.fees.{name}"
            require(-0.1 <= rate <= 0.1, key, rate, "between -0.1 and 0.1")
            require(in_billionths(rate) is not None, key, rate, "a whole number of billionths (1e-9)")
        for name in ("maker_per_unit", "taker_per_unit"):
            charge = getattr(self, name)
            require(is_number(charge), f"market.fees.{name}", charge, "a finite number")

    def in_billionths(self, cash_unit: float, lot_size: float) -> tuple[int, int]:
        """Return the maker's and the taker's charge for a lot, in billionths of a cash unit.

        Raises ConfigError, with a cash unit that would do, where one is no whole number of them.
        """
        maker, taker = (self._charge(name, cash_unit, lot_size) for name in ("maker_per_unit", "taker_per_unit"))
        return maker, taker

    def _charge(self, name: str, cash_unit: float, lot_size: float) -> int:
        charge, unit = decimal(getattr(self, name)) * decimal(lot_size), decimal(cash_unit)
        count = in_billionths(charge / unit)
        if count is None:
            while in_billionths(charge / unit) is None:
                unit /= 10
            wanted = f"a whole number of billionths of a cash unit for a lot: cash_unit {float(unit)} would do"
            raise ConfigError(f"market.fees.{name} is {getattr(self, name)!r}; it must be {wanted}")
        return count


def in_billionths(value: float | Decimal) -> int | None:
    """Return a number in billionths, or None where it is no whole number of them, up to a float's rounding."""
    exact = decimal(value) * BILLION
    count = int(exact.to_integral_value())
    return count if abs(exact - count) <= max(abs(exact), Decimal(1)) * ROUNDING else None
