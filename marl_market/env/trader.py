"""The shape of everything that decides, sees or scores inside a step: compiled functions called by address.

A trader gets the market's *public* record, its own *seat* record and its own *mind* record (parameters, which many
seats may share) and nothing else, so it cannot see what a trader does not see, and its compiled form does not depend
on the size of the book. It writes commands with `marl_market.exchange.commands` and returns `DECIDED`, or fills
`seat.action` and returns `DECODE`: then the seat's action decoder, a function of the same shape, turns the action
into commands.

Why addresses: a step kernel takes a table of plain integers, so a new mix of traders never recompiles it. Numba's
first-class functions do the same, but unpacking a tuple of sixteen costs 0.7 ms at every call from Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import cfunc, from_dtype, types
from numba.extending import intrinsic

from marl_market.exchange.compiled import compiled
from marl_market.exchange.records import PUBLIC, SEAT

DECIDED = 0
DECODE = 1

MIND_PARAMETERS = 64
REWARD_PARAMETERS = 8
MIND_LAYERS = 8
MIND_WEIGHTS = 8192

PART = np.dtype([("address", np.int64), ("size", np.int64), ("shared", np.int64)], align=True)
"""One part of an observation: its encoder and how many numbers it writes."""

MIND = np.dtype(
    [
        ("parameter", np.float64, (MIND_PARAMETERS,)),  # of the trader or, where the mind is learned, of the decoder
        ("reward_parameter", np.float64, (REWARD_PARAMETERS,)),
        ("layer_count", np.int64),
        ("layer_size", np.int64, (MIND_LAYERS,)),  # inputs, hidden widths, outputs
        ("weight", np.float32, (MIND_WEIGHTS,)),
    ],
    align=True,
)
"""What a mind knows before it sees anything: parameters of a rule, weights of a network."""

PUBLIC_RECORD, SEAT_RECORD, MIND_RECORD = (from_dtype(dtype) for dtype in (PUBLIC, SEAT, MIND))

TRADER = types.int64(PUBLIC_RECORD, SEAT_RECORD, MIND_RECORD)
"""Signature of traders and action decoders: (public, seat, mind) -> DECIDED or DECODE."""

ENCODER = types.int64(PUBLIC_RECORD, SEAT_RECORD, types.int64)
"""Signature of observation encoders: (public, seat, offset) -> offset after what was written to seat.observation."""

REWARD = types.float64(PUBLIC_RECORD, SEAT_RECORD, MIND_RECORD)
"""Signature of rewards: (public, seat, mind) -> reward of the step that has just ended."""

trader = cfunc(TRADER, cache=True, error_model="numpy")
encoder = cfunc(ENCODER, cache=True, error_model="numpy")
reward = cfunc(REWARD, cache=True, error_model="numpy")


def call_by_address(result: types.Type) -> Any:
    """Return a compiled function that calls the function at an address with the arguments that follow it."""

    @intrinsic
    def call(_typing_context, address, first, second, third):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            kind = ir.FunctionType(context.get_value_type(result), [value.type for value in arguments[1:]])
            return builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])

        return result(types.int64, first, second, third), generate

    return call


call_trader = call_by_address(types.int64)
call_encoder = call_by_address(types.int64)
call_reward = call_by_address(types.float64)


@compiled
def decide(trader_address, decoder_address, public, seat, mind):  # type: ignore[no-untyped-def]
    """Let one seat decide: afterwards its commands are in `seat.command`."""
    seat.command_count = 0
    if call_trader(trader_address, public, seat, mind) == DECODE:
        call_trader(decoder_address, public, seat, mind)
