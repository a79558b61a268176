"""Fees of a fill, in whole cash units and a remainder that the account still owes."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.compiled import inlined
from marl_market.market.fees import BILLION

BILLIONS = 2**33


@inlined
def billions(amount):  # type: ignore[no-untyped-def]
    """Return the whole billions in an amount above -`BILLIONS` billions, rounded down.

    The dividend is made positive first: an unsigned division by a constant takes half as long as a signed one.
    """
    return np.int64((np.uint64(amount) + np.uint64(BILLIONS * BILLION)) // np.uint64(BILLION)) - BILLIONS


@inlined
def fee(account, notional, quantity_lots, parts_per_billion, per_lot, per_lot_billionths, rebates):  # type: ignore[no-untyped-def]
    """Return the fee of a fill in whole cash units, and carry what an account owes besides; negative is a rebate.

    So the fees of an account are those of all its fills together, rounded down once. The absolute `notional` is split
    before it is multiplied, so that no product exceeds 64 bits. Without `rebates`, no fee is below zero.

    Venues charge by the lot or by the notional: a branch on what is zero spares the divisions of the other.
    """
    units = quantity_lots * per_lot
    billionths = quantity_lots * per_lot_billionths
    if parts_per_billion != 0:
        whole = np.int64(np.uint64(notional) // np.uint64(BILLION))
        units += whole * parts_per_billion
        billionths += (notional - whole * BILLION) * parts_per_billion
    if billionths == 0:
        return units if rebates or units > 0 else np.int64(0)
    if not rebates and units + billions(billionths) < 0:
        return np.int64(0)
    return units + carry(account, billionths)


@inlined
def carry(account, billionths):  # type: ignore[no-untyped-def]
    """Add billionths of a cash unit to what an account owes; return the whole units that are then due."""
    owed = account.fee_remainder + billionths
    due = billions(owed)
    account.fee_remainder = owed - due * BILLION
    return due
