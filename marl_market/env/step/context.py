"""The context of a step: sizes and addresses of all that a batch has beside its markets, as one record.

Why addresses and no array arguments: a compiled function counts the references of each array it is given, which for
the dozen arrays of a step costs as much as matching several orders. A record is passed as a bare pointer.
"""

from __future__ import annotations

import numpy as np
from numba import carray, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from marl_market.env.interface.records import TAPE_ROW
from marl_market.env.interface.signatures import PARAMS, PART, REWARD_PART
from marl_market.exchange.compiled import generate_call, generate_guarded_call, inlined
from marl_market.exchange.pointers import pointer

STEP_CONTEXT = np.dtype(
    [
        ("step_ns", np.int64),
        ("warmup_steps", np.int64),
        ("seats", np.int64),
        ("external", np.int64),  # seats of a market whose actions come from outside
        ("observation_size", np.int64),  # values of an observation, of all instruments
        ("instrument_size", np.int64),  # of each of them
        ("mask_size", np.int64),
        ("action", np.int64),  # address of the actions of this step (markets, external seats, action size)
        ("action_size", np.int64),
        ("parts", np.int64),  # addresses of arrays and their numbers of rows
        ("part_count", np.int64),
        ("own_parts", np.int64),  # of these, the first ones, which differ from seat to seat
        ("rewards", np.int64),
        ("reward_count", np.int64),
        ("params", np.int64),
        ("params_count", np.int64),
        ("outputs", np.int64),  # address of the block of what a step writes, see `marl_market.env.step.outputs`
        ("observation", np.int64),  # addresses in it
        ("mask", np.int64),
        ("reward", np.int64),
        ("active", np.int64),
        ("terminated", np.int64),
        ("keys", np.int64),  # random keys (markets, key_count), see `keys_of`
        ("key_count", np.int64),
        ("tape", np.int64),  # address of TAPE_ROW records (session steps, markets); 0 for no tape
        ("replays", np.int64),  # address of REPLAY records (markets,), see `marl_market.env.step.replay`; 0 for none
        ("markets", np.int64),
        ("prices", np.int64),  # initial price of each instrument, in ticks
        ("open_venue", np.int64),  # addresses of the stages, see `marl_market.env.step.step`
        ("close_venue", np.int64),
        ("trade_once", np.int64),
        ("step_market", np.int64),
        ("open_session", np.int64),
        ("logs", np.int64),  # address of EVENT_LOG rows (markets,); 0 where no market has a log
        ("open_replay", np.int64),  # these two only with replays
        ("send_recorded", np.int64),
        ("fault", np.int64),  # whether a number is not finite, see `marl_market.env.step.faults`
    ],
    align=True,
)


def address(array: NDArray[np.generic]) -> int:
    """Return the address of a contiguous array, which must live as long as the address is used."""
    if not array.flags.c_contiguous:
        raise ValueError("array is not contiguous; an array that a step reaches by address must be")
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
def float_row(start, size, row):  # type: ignore[no-untyped-def]
    """Return row `row` `(size,)` of the float32 array at address `start`."""
    return carray(pointer(start + 4 * size * row), (size,), np.float32)


@inlined
def flag_row(start, size, row):  # type: ignore[no-untyped-def]
    """Return row `row` `(size,)` of the uint8 array at address `start`."""
    return carray(pointer(start + size * row), (size,), np.uint8)


@inlined
def keys_of(context, number, instrument_index):  # type: ignore[no-untyped-def]
    """Return the random keys of one instrument of a market: its own, then its seats', then their connections'."""
    size = 1 + 2 * context.seats
    first = context.key_count * number + size * instrument_index
    return carray(pointer(context.keys + 8 * first), (size,), np.uint64)


@inlined
def tape_row(context, step, market_index):  # type: ignore[no-untyped-def]
    """Return the TAPE_ROW of a market in a step of the session."""
    rows = carray(pointer(context.tape), ((step + 1) * context.markets,), TAPE_ROW)
    return rows[step * context.markets + market_index]


@inlined
def prices_of(context, count):  # type: ignore[no-untyped-def]
    """Return the initial price of each of `count` instruments, in ticks."""
    return carray(pointer(context.prices), (count,), np.int64)


@intrinsic
def call_stage(_typing_context, address, market, market_index, context):  # type: ignore[no-untyped-def]
    """Call a stage of the step by its address."""
    return types.int64(types.int64, market, types.int64, context), generate_call


@intrinsic
def guard_stage(_typing_context, address, market, market_index, context):  # type: ignore[no-untyped-def]
    """Call a stage of the step by its address; return its failure, for `raise_failure`, or 0."""
    return types.int64(types.int64, market, types.int64, context), generate_guarded_call
