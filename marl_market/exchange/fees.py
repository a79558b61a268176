"""Fees of a fill, in whole cash units."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.compiled import inlined

BILLION = 1_000_000_000
BILLIONS = 2**33


@inlined
def billions(amount):  # type: ignore[no-untyped-def]
    """Return the whole billions in an amount above -`BILLIONS` billions, rounded down.

    The dividend is made positive first: an unsigned division by a constant takes half as long as a signed one.
    """
    return np.int64((np.uint64(amount) + np.uint64(BILLIONS * BILLION)) // np.uint64(BILLION)) - BILLIONS


@inlined
def fee(notional, quantity_lots, parts_per_billion, per_lot):  # type: ignore[no-untyped-def]
    """Return the fee of a fill in cash units, rounded down; negative is a rebate.

    The notional is split before it is multiplied, so that no product exceeds 64 bits.
    """
    whole = billions(notional)
    rest = notional - whole * BILLION
    return quantity_lots * per_lot + whole * parts_per_billion + billions(rest * parts_per_billion)
