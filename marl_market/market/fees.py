"""Fees of a venue."""

from __future__ import annotations

from dataclasses import dataclass

from marl_market.market.validation import is_number, require

MAXIMUM_FEE_TIERS = 4


@dataclass(frozen=True)
class Fees:
    """Fees of each fill; a negative value is a rebate.

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
            require(-0.1 <= rate <= 0.1, f"market.fees.{name}", rate, "between -0.1 and 0.1")
        for name in ("maker_per_unit", "taker_per_unit"):
            charge = getattr(self, name)
            require(is_number(charge), f"market.fees.{name}", charge, "a finite number")
