"""The state of a batch, packed market by market; the exchange's part is in `marl_market.exchange.state`.

Parameters of agents are not part of it, nor are the random keys and fundamental values of the time before it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from marl_market.env.interface.records import AGENT, TAPE_ROW
from marl_market.env.step.context import tape_row
from marl_market.env.step.replay import STATE_BYTES, replay_of
from marl_market.env.step.replay import STATE_OFFSET as REPLAY_OFFSET
from marl_market.exchange.compiled import OPTIONS, compiled
from marl_market.exchange.pointers import address_of, copy_bytes, copy_record
from marl_market.exchange.portfolio import instrument
from marl_market.exchange.state import LOAD, MEASURE, SAVE, empty_ladders, transfer, transfer_market

NUMBER_BYTES = 4
PATH_BYTES = 8
TAPE_BYTES = TAPE_ROW.itemsize
STATE_OFFSET, OBSERVATION_OFFSET = (AGENT.fields[name][1] for name in ("asleep", "observation"))  # type: ignore[index]
GROUP_OFFSET, GROUP_BYTES = AGENT.fields["group_memory"][1], AGENT["group_memory"].itemsize  # type: ignore[index]

ADDRESSES = ("path", "connection", "delivery", "history", "queue_history")
"""Fields of a market record that hold addresses."""


@compiled
def transfer_agent(direction, cursor, agent, size):  # type: ignore[no-untyped-def]
    """Transfer what a session changes in an agent's record; a compiled agent's observation has `size` values."""
    start = address_of(agent)
    cursor = transfer(direction, cursor, start + STATE_OFFSET, OBSERVATION_OFFSET - STATE_OFFSET)
    count = NUMBER_BYTES * size if agent.observes == 1 and agent.external_index < 0 else 0
    cursor = transfer(direction, cursor, start + OBSERVATION_OFFSET, count)
    return transfer(direction, cursor, start + GROUP_OFFSET, GROUP_BYTES if agent.group_update != 0 else 0)


@compiled
def transfer_row(direction, cursor, start, row, count):  # type: ignore[no-untyped-def]
    """Transfer row `row` of an array at address `start` whose rows have `count` bytes."""
    return transfer(direction, cursor, start + row * count, count)


@compiled
def transfer_results(direction, cursor, first, market_index, context):  # type: ignore[no-untyped-def]
    """Transfer a market's rows of the arrays that a step writes, and its tape so far."""
    size = NUMBER_BYTES * context.observation_size * context.external
    cursor = transfer_row(direction, cursor, context.observation, market_index, size)
    cursor = transfer_row(direction, cursor, context.mask, market_index, context.mask_size * context.external)
    cursor = transfer_row(direction, cursor, context.reward, market_index, NUMBER_BYTES * context.seats)
    cursor = transfer_row(direction, cursor, context.active, market_index, context.seats)
    cursor = transfer_row(direction, cursor, context.terminated, market_index, context.seats)
    if context.tape != 0:
        for step in range(first.public.step // first.substeps):
            cursor = transfer(direction, cursor, address_of(tape_row(context, step, market_index)), TAPE_BYTES)
    return cursor


@compiled
def transfer_replay(direction, cursor, replay, steps):  # type: ignore[no-untyped-def]
    """Transfer what a session changes in the replay of a market that has ended `steps` steps."""
    if replay.count == 0:
        return cursor
    cursor = transfer(direction, cursor, address_of(replay) + REPLAY_OFFSET, STATE_BYTES)
    cursor = transfer(direction, cursor, replay.order_id, 8 * replay.places)
    return transfer(direction, cursor, replay.divergence, 8 * max(steps, 0))


@compiled
def transfer_session(direction, cursor, first, market_index, context):  # type: ignore[no-untyped-def]
    """Transfer every instrument of a market, its agents and the results of its last step."""
    for k in range(first.instrument_count):
        market = instrument(first, k)
        cursor = transfer_market(direction, cursor, market)
        for i in range(market.seat_count):
            cursor = transfer_agent(direction, cursor, market.seat[i].agent, context.observation_size)
        if market.path != 0:
            step = market.public.step
            count = PATH_BYTES * (market.public.session_steps + 1 - step)
            cursor = transfer(direction, cursor, market.path + PATH_BYTES * step, count)
    if context.replays != 0:
        cursor = transfer_replay(direction, cursor, replay_of(context, market_index), first.public.step)
    return transfer_results(direction, cursor, first, market_index, context)


@njit(cache=True, **OPTIONS)
def transfer_markets(direction, base, starts, markets, contexts):  # type: ignore[no-untyped-def]
    """Transfer all markets of a batch; return the number of bytes.

    Args:
        direction: see `marl_market.exchange.state`.
        base: address of the states of all markets; 0 to MEASURE.
        starts: (markets + 1,) first byte of each state from there, written by MEASURE.
        markets: records of the first instrument.
        contexts: the one STEP_CONTEXT.
    """
    context = contexts[0]
    for market_index in range(markets.size):
        begin = base + starts[market_index]
        end = transfer_session(direction, begin, markets[market_index], market_index, context)
        if direction == MEASURE:
            starts[market_index + 1] = end
    return starts[markets.size]


@njit(cache=True, **OPTIONS)
def copy_markets(target, source, target_contexts, source_contexts, outputs, addresses):  # type: ignore[no-untyped-def]
    """Copy all markets of a batch and its context to memory that has not been written to.

    Args:
        target: market records (instruments, markets).
        source: market records (instruments, markets).
        target_contexts: the one STEP_CONTEXT.
        source_contexts: the one STEP_CONTEXT.
        outputs: address of the block of what a step of the target writes.
        addresses: (fields of `ADDRESSES`, instruments, markets) of the target's other memory.
    """
    copy_context(target_contexts[0], source_contexts[0], outputs)
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            copy_constants(target[i, j], source[i, j])
            target[i, j].path = addresses[0, i, j]
            target[i, j].connection = addresses[1, i, j]
            target[i, j].delivery = addresses[2, i, j]
            target[i, j].history = addresses[3, i, j]
            target[i, j].queue_history = addresses[4, i, j]
    for j in range(source.shape[1]):
        size = transfer_session(MEASURE, 0, source[0, j], j, source_contexts[0])
        state = np.empty(size, np.uint8)
        start = np.int64(state.ctypes.data)
        transfer_session(SAVE, start, source[0, j], j, source_contexts[0])
        transfer_session(LOAD, start, target[0, j], j, target_contexts[0])


@compiled
def copy_context(target, source, outputs):  # type: ignore[no-untyped-def]
    """Copy a STEP_CONTEXT, with its addresses in the block of outputs moved to that at `outputs`."""
    copy_record(target, source)
    moved = outputs - source.outputs
    target.outputs += moved
    target.observation += moved
    target.mask += moved
    target.reward += moved
    target.active += moved
    target.terminated += moved


@compiled
def copy_constants(target, source):  # type: ignore[no-untyped-def]
    """Copy what is neither part of a state nor an address of memory, and let the next LOAD clear the book."""
    empty_ladders(target.book)
    target.instrument_bytes, target.instrument_count = source.instrument_bytes, source.instrument_count
    for i in range(source.seat_count):
        copy_bytes(address_of(target.seat[i].agent), address_of(source.seat[i].agent), STATE_OFFSET)
    # Seats beyond are in no state; readers of all seats of a record expect them empty.
    for i in range(source.seat_count, source.seat.size):
        start = address_of(source.seat[i])
        copy_bytes(address_of(target.seat[i]), start, np.int64(source.seat[i].command.ctypes.data) - start)
        copy_bytes(address_of(target.seat[i].agent), address_of(source.seat[i].agent), OBSERVATION_OFFSET)
