"""What a fill costs each side, in whole cash units."""

from __future__ import annotations

from marl_market.exchange.compiled import inlined

BILLION = 1_000_000_000


@inlined
def fee(notional, quantity_lots, parts_per_billion, per_lot):  # type: ignore[no-untyped-def]
    """Return the fee of a fill in cash units, rounded down; negative is a rebate.

    The notional is split before it is multiplied, so that no product exceeds 64 bits.
    """
    charge = quantity_lots * per_lot
    if parts_per_billion != 0:
        whole = notional // BILLION
        rest = notional - whole * BILLION
        charge += whole * parts_per_billion + rest * parts_per_billion // BILLION
    return charge
