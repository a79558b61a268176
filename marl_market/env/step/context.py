"""What the step of a batch needs beside its markets, as one record of sizes and addresses.

Why addresses and no array arguments: a compiled function counts the references of each array it is given, which for
the dozen arrays of a step costs as much as matching several orders. A record is passed as a bare pointer.
"""

from __future__ import annotations

import numpy as np
from numba import carray, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from marl_market.env.interface.signatures import PARAMS, PART, REWARD_PART
from marl_market.exchange.compiled import generate_call, inlined
from marl_market.exchange.pointers import pointer

STEP_CONTEXT = np.dtype(
    [
        ("step_ns", np.int64),
        ("warmup_steps", np.int64),
        ("seats", np.int64),
        ("external", np.int64),  # seats of a market whose actions come from outside
        ("observation_size", np.int64),  # numbers a seat sees, of all instruments
        ("instrument_size", np.int64),  # of each of them
        ("mask_size", np.int64),
        ("action", np.int64),  # address of the actions of this step (markets, external seats, numbers)
        ("action_size", np.int64),
        ("parts", np.int64),  # addresses of arrays, and how many rows they have
        ("part_count", np.int64),
        ("own_parts", np.int64),  # of these, the first ones, in which seats see something else each
        ("rewards", np.int64),
        ("reward_count", np.int64),
        ("params", np.int64),
        ("params_count", np.int64),
        ("observation", np.int64),  # addresses of what a step writes, see `BatchMarket`
        ("mask", np.int64),
        ("reward", np.int64),
        ("keys", np.int64),  # random keys (markets, key_count), see `keys_of`
        ("key_count", np.int64),
        ("prices", np.int64),  # initial price of each instrument, in ticks
        ("open_venue", np.int64),  # addresses of the stages, see `marl_market.env.step.step`
        ("close_venue", np.int64),
        ("trade_once", np.int64),
        ("step_market", np.int64),
        ("open_session", np.int64),
        ("active", np.int64),
        ("terminated", np.int64),
    ],
    align=True,
)


def address(array: NDArray[np.generic]) -> int:
    """Return where a contiguous array lies; whoever keeps the address keeps the array."""
    if not array.flags.c_contiguous:
        raise ValueError("array is not contiguous; what a step reaches by address must be")
    return array.ctypes.data


@inlined
def parts_of(context):  # type: ignore[no-untyped-def]
    """Return the PART rows of an observation."""
    return carray(pointer(context.parts), (context.part_count,), PART)


@inlined
def rewards_of(context):  # type: ignore[no-untyped-def]
    """Return the REWARD_PART rows of a reward."""
    return carray(pointer(context.rewards), (context.reward_count,), REWARD_PART)


@inlined
def params_of(context, seat):  # type: ignore[no-untyped-def]
    """Return the PARAMS row of a seat."""
    return carray(pointer(context.params), (context.params_count,), PARAMS)[seat.agent.params_row]


@inlined
def number_row(start, size, row):  # type: ignore[no-untyped-def]
    """Return row `row` of the float32 array of rows of `size` that begins at `start`."""
    return carray(pointer(start + 4 * size * row), (size,), np.float32)


@inlined
def flag_row(start, size, row):  # type: ignore[no-untyped-def]
    """Return row `row` of the array of rows of `size` bytes that begins at `start`."""
    return carray(pointer(start + size * row), (size,), np.uint8)


@inlined
def keys_of(context, number, instrument_index):  # type: ignore[no-untyped-def]
    """Return the random keys of one instrument of a market: its own, then its seats', then their connections'."""
    size = 1 + 2 * context.seats
    first = context.key_count * number + size * instrument_index
    return carray(pointer(context.keys + 8 * first), (size,), np.uint64)


@inlined
def prices_of(context, count):  # type: ignore[no-untyped-def]
    """Return the initial price of each of `count` instruments, in ticks."""
    return carray(pointer(context.prices), (count,), np.int64)


@intrinsic
def call_stage(_typing_context, address, market, number, context):  # type: ignore[no-untyped-def]
    """Call a stage of the step by its address."""
    return types.int64(types.int64, market, types.int64, context), generate_call
