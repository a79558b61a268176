"""Bit operations on the mask of a seat's open orders."""

from __future__ import annotations

import numpy as np
from numba.cpython.unsafe.numbers import trailing_zeros

from marl_market.exchange.compiled import inlined


@inlined
def lowest_bit(mask):  # type: ignore[no-untyped-def]
    """Return the index of the lowest set bit of a uint64; the mask must not be zero."""
    return np.int64(trailing_zeros(mask))
