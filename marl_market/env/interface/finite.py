"""Tests of float32 numbers at an address for NaN and infinity."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.pointers import floats_at, words_at

EXPONENT = np.int32(0x7F800000)
"""The exponent bits of a float32, all set where it is not finite."""


@inlined
def are_finite(address, count):  # type: ignore[no-untyped-def]
    """Return whether the `count` float32 numbers at an address are finite.

    Whole numbers of 32 bits are compared, of which the processor does many at once.
    """
    words = words_at(address)
    largest = np.int32(0)
    for j in range(count):
        largest = np.int32(max(largest, np.int32(words[j] & EXPONENT)))
    return largest < EXPONENT


@compiled
def first_not_finite(address, count):  # type: ignore[no-untyped-def]
    """Return the index of the first of `count` float32 numbers at an address that is not finite; `count` if all are."""
    values = floats_at(address, count)
    for j in range(count):
        if not np.isfinite(values[j]):
            return j
    return count
