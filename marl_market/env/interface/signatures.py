"""Signatures of traders, encoders and rewards: compiled functions that a step calls by address.

A trader gets the market's *public* record, its own *seat* record and its own *params* record (which many seats may
share) and nothing else, so it cannot read what a trader does not know, and its compiled form does not depend on the
size of the book. It writes commands with `marl_market.exchange.commands` and returns `DECIDED`, or fills
`seat.agent.action` and returns `DECODE`: then the seat's action decoder, a function of the same shape, turns the action
into commands.

Why addresses: a step kernel takes a table of plain integers, so a new mix of traders never recompiles it. Numba's
first-class functions do the same, but unpacking a tuple of sixteen costs 0.7 ms at every call from Python.
"""

from __future__ import annotations

import numpy as np
from numba import from_dtype, types
from numba.extending import intrinsic

from marl_market.env.interface.finite import are_finite
from marl_market.env.interface.records import REWARD_PARTS, SEAT, SEAT_ACTIONS
from marl_market.exchange.compiled import by_address, compiled, generate_call
from marl_market.exchange.pointers import FLOATS
from marl_market.exchange.records import COMMAND, PUBLIC
from marl_market.exchange.write_protection import exempt, protect

DECIDED = 0
DECODE = 1

PARAM_VALUES = 4096
REWARD_VALUES = 8
TIMING_VALUES = 16
MLP_LAYERS = 8
MLP_WEIGHTS = 16384

PART = np.dtype(
    [
        ("address", np.int64),
        ("offset", np.int64),
        ("size", np.int64),
        ("shared", np.int64),
        ("privileged", np.int64),
    ],
    align=True,
)
"""One part of an observation: its encoder, and the values that it writes."""

REWARD_PART = np.dtype([("address", np.int64), ("weight", np.float64)], align=True)
"""One part of a reward: its function and its weight in the sum."""

PARAMS = np.dtype(
    [
        ("value", np.float64, (PARAM_VALUES,)),  # of the trader or, if it observes, of the decoder
        ("reward_value", np.float64, (REWARD_PARTS, REWARD_VALUES)),
        ("timing_value", np.float64, (TIMING_VALUES,)),  # see `marl_market.env.actions.timed`
        ("layer_count", np.int64),
        ("layer_size", np.int64, (MLP_LAYERS,)),  # inputs, hidden widths, outputs
        ("tanh_squashed", np.int64),  # whether outputs go through tanh as hidden units do
        ("num_choices", np.int64, (SEAT_ACTIONS,)),  # of a discrete action; outputs are their scores
        ("weight", np.float32, (MLP_WEIGHTS,)),
    ],
    align=True,
)
"""Parameters of an agent: of its trader or decoder, its rewards and its timing, and the weights of its network."""

PUBLIC_RECORD, SEAT_RECORD, PARAMS_RECORD = (from_dtype(dtype) for dtype in (PUBLIC, SEAT, PARAMS))

WRITABLE = tuple(f"seat.agent.{name}" for name in ("action", "drift", "mask", "memory", "observation", "reward_memory"))
"""Fields that functions of users write."""

exempt(from_dtype(COMMAND))  # a message, of which the exchange checks every field
protect(SEAT_RECORD.fields["agent"].type, WRITABLE)
for _record in (PUBLIC_RECORD, SEAT_RECORD, PARAMS_RECORD):
    protect(_record)

TRADER = types.int64(PUBLIC_RECORD, SEAT_RECORD, PARAMS_RECORD)
"""Signature of traders and action decoders: (public, seat, params) -> DECIDED or DECODE.

An action mask has it too: it writes 1 or 0 for each choice into seat.agent.mask and returns their number.
"""

ENCODER = types.void(PUBLIC_RECORD, SEAT_RECORD, FLOATS)
"""Signature of observation encoders: (public, seat, observation); it writes its values from observation[0] on."""

PRIVILEGED_ENCODER = types.void(PUBLIC_RECORD, types.Array(SEAT_RECORD, 1, "C"), types.int64, FLOATS, types.int64)
"""Signature of privileged encoders: (public, seats, index, observation, size).

`seats` are all seats of the market; the encoder writes `size` values of the observation of seats[index].
"""

REWARD = types.float64(PUBLIC_RECORD, SEAT_RECORD, PARAMS_RECORD, types.int64)
"""Signature of rewards: (public, seat, params, part) -> reward of the step that has just ended.

Its memory is seat.agent.reward_memory[part], its parameters are params.reward_value[part].
"""

trader = by_address(TRADER, "public, seat, params", "DECIDED or DECODE, a mask function the number of choices")
encoder = by_address(ENCODER, "public, seat, observation", "nothing")
privileged_encoder = by_address(PRIVILEGED_ENCODER, "public, seats, index, observation, size", "nothing")
reward = by_address(REWARD, "public, seat, params, part", "the reward, a number")


@intrinsic
def call_trader(_typing_context, address, public, seat, params):  # type: ignore[no-untyped-def]
    """Call a trader or action decoder by its address."""
    return types.int64(types.int64, public, seat, params), generate_call


@intrinsic
def call_encoder(_typing_context, address, public, seat, observation):  # type: ignore[no-untyped-def]
    """Call an observation encoder by its address."""
    return types.void(types.int64, public, seat, FLOATS), generate_call


@intrinsic
def call_privileged_encoder(_typing_context, address, public, seats, index, observation, size):  # type: ignore[no-untyped-def]
    """Call a privileged observation encoder by its address."""
    return types.void(types.int64, public, seats, types.int64, FLOATS, types.int64), generate_call


@intrinsic
def call_reward(_typing_context, address, public, seat, params, part):  # type: ignore[no-untyped-def]
    """Call a reward by its address."""
    return types.float64(types.int64, public, seat, params, types.int64), generate_call


@compiled
def decide(trader_address, decoder_address, public, seat, params):  # type: ignore[no-untyped-def]
    """Write the commands of one seat into `seat.command`; return whether the action that its trader chose is finite.

    Without a trader (address 0) its action is in `seat.agent.action` already. An action that is not finite is not
    decoded.
    """
    seat.command_count = 0
    if trader_address != 0:
        if call_trader(trader_address, public, seat, params) != DECODE:
            return True
        if not are_finite(seat.agent.action.ctypes.data, SEAT_ACTIONS):
            return False
    call_trader(decoder_address, public, seat, params)
    return True
