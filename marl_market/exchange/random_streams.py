"""A private random stream in the `random` field of a seat or market record.

The generator is xorshift64* (Vigna 2016, "An experimental exploration of Marsaglia's xorshift generators,
scrambled"): one word of state, which must not be zero, and the same numbers whatever thread runs the market.

Why a stream is begun anew each step: two markets of one seed then draw the same numbers in step t however they
differ before it (common random numbers), which lowers the variance of a comparison of two policies.
"""

from __future__ import annotations

import math

import numpy as np

from marl_market.exchange.compiled import inlined

MULTIPLIER = np.uint64(0x2545F4914F6CDD1D)
UPPER_BITS = 53
TO_UNIT = 1.0 / 2**UPPER_BITS
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_FIRST, MIX_SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@inlined
def begin_stream(record, step):  # type: ignore[no-untyped-def]
    """Set a record's stream to the one of its key and `step` (splitmix64, Steele, Lea and Flood 2014)."""
    word = record.random_key + GOLDEN * np.uint64(step)
    word = (word ^ (word >> np.uint64(30))) * MIX_FIRST
    word = (word ^ (word >> np.uint64(27))) * MIX_SECOND
    record.random = (word ^ (word >> np.uint64(31))) | np.uint64(1)


@inlined
def following(word):  # type: ignore[no-untyped-def]
    """Return the state of a stream after the state `word`."""
    word ^= word >> np.uint64(12)
    word ^= word << np.uint64(25)
    return word ^ (word >> np.uint64(27))


@inlined
def upper_bits(word):  # type: ignore[no-untyped-def]
    """Return the `UPPER_BITS` random bits of a stream's state."""
    return (word * MULTIPLIER) >> np.uint64(64 - UPPER_BITS)


@inlined
def uniform(record):  # type: ignore[no-untyped-def]
    """Return a draw from the uniform distribution on [0, 1)."""
    record.random = following(record.random)
    return np.float64(upper_bits(record.random)) * TO_UNIT


@inlined
def below(record, bound):  # type: ignore[no-untyped-def]
    """Return a uniform integer from 0 to `bound` - 1."""
    return np.int64(uniform(record) * bound)


@inlined
def exponential(record):  # type: ignore[no-untyped-def]
    """Return a draw from the exponential distribution of mean 1."""
    return -math.log(1.0 - uniform(record))


@inlined
def normal(record):  # type: ignore[no-untyped-def]
    """Return a draw from the standard normal distribution (Box and Muller 1958)."""
    return math.sqrt(2.0 * exponential(record)) * math.cos(2.0 * math.pi * uniform(record))


@inlined
def poisson(record, mean):  # type: ignore[no-untyped-def]
    """Return a draw from the Poisson distribution; exact, its cost grows with `mean`."""
    count = 0
    elapsed = exponential(record)
    while elapsed < mean:
        count += 1
        elapsed += exponential(record)
    return count


@inlined
def quantile(record, table, first, count):  # type: ignore[no-untyped-def]
    """Return a draw from the distribution whose `count` evenly spaced quantiles start at `table[first]`."""
    place = uniform(record) * (count - 1)
    below_place = np.int64(place)
    low = table[first + below_place]
    return low + (place - below_place) * (table[first + below_place + 1] - low)
