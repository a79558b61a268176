"""Kernels called from Python to open and step the markets of a batch."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numba import from_dtype, njit, prange, types

from marl_market.env.actions.validation import actions_are_valid
from marl_market.env.step.context import STEP_CONTEXT, call_stage, guard_stage
from marl_market.env.step.event_logs import is_full
from marl_market.env.step.opening import open_session
from marl_market.env.step.replay import open_replay, send_recorded
from marl_market.env.step.step import close_venue, open_venue, step_market, trade_once
from marl_market.exchange.compiled import OPTIONS, by_address, compiled, raise_failure
from marl_market.exchange.uncompiled import UncompiledError, take_raised

if TYPE_CHECKING:
    from marl_market.env.step.memory import BatchMemory

INVALID_ACTIONS = -1

# Numba's threads do not outlive a fork, and one of its threading layers ends a process that uses it from two threads.
FORKED = threading.Event()
os.register_at_fork(after_in_child=FORKED.set)
IN_PARALLEL = threading.Lock()


@cache
def stages_of(market: np.dtype[np.void], replays: bool) -> dict[str, Any]:
    """Return the compiled stages of a step for this record type of markets, by their field of STEP_CONTEXT."""
    signature = types.int64(from_dtype(market), types.int64, from_dtype(STEP_CONTEXT))
    stages: tuple[Any, ...] = (open_venue, close_venue, trade_once, step_market, open_session)
    if replays:
        stages += (open_replay, send_recorded)
    return {stage.__name__: by_address(signature)(stage) for stage in stages}


@njit(cache=True, **OPTIONS)
def step_serial(markets, contexts, action, num_choices):  # type: ignore[no-untyped-def]
    """Step every market of a batch in the calling thread; return whether one has a fault (0 or 1).

    For invalid actions it does nothing and returns INVALID_ACTIONS.

    Args:
        markets: records of the first instrument.
        contexts: the one STEP_CONTEXT.
        action: `(markets, external seats, action size)`.
        num_choices: see `marl_market.env.actions.validation`.
    """
    if not actions_are_valid(action, num_choices):
        return INVALID_ACTIONS
    context = contexts[0]
    context.action = action.ctypes.data
    for market_index in range(markets.size):
        call_stage(context.step_market, markets[market_index], market_index, context)
    return context.fault


@njit(cache=True, nogil=True, parallel=True)
def step_parallel(markets, contexts, action, num_choices):  # type: ignore[no-untyped-def]
    """Do as `step_serial`, with the markets divided among numba's threads; of several exceptions the first is raised.

    An exception in another thread than the calling one would be lost.
    """
    if not actions_are_valid(action, num_choices):
        return INVALID_ACTIONS
    contexts[0].action = action.ctypes.data
    failure = np.zeros(markets.size, np.int64)
    for market_index in prange(markets.size):
        failure[market_index] = guard_stage(contexts[0].step_market, markets[market_index], market_index, contexts[0])
    for market_index in range(markets.size):
        raise_failure(failure[market_index])
    return contexts[0].fault


@compiled
def play_market(market, market_index, context, done, steps):  # type: ignore[no-untyped-def]
    """Step a market until `steps` are done, its log is full or there is a fault; `done` (markets,) counts."""
    while done[market_index] < steps and context.fault == 0 and not is_full(context, market_index):
        call_stage(context.step_market, market, market_index, context)
        done[market_index] += 1


@njit(cache=True, **OPTIONS)
def play_serial(markets, contexts, action, num_choices, done, steps):  # type: ignore[no-untyped-def]
    """Play every market of a batch with the same action, see `play_market`; return as `step_serial` does."""
    if not actions_are_valid(action, num_choices):
        return INVALID_ACTIONS
    context = contexts[0]
    context.action = action.ctypes.data
    for market_index in range(markets.size):
        play_market(markets[market_index], market_index, context, done, steps)
    return context.fault


@njit(cache=True, nogil=True, parallel=True)
def play_parallel(markets, contexts, action, num_choices, done, steps):  # type: ignore[no-untyped-def]
    """Do as `play_serial`, with the markets divided among numba's threads; exceptions as in `step_parallel`."""
    if not actions_are_valid(action, num_choices):
        return INVALID_ACTIONS
    contexts[0].action = action.ctypes.data
    failure = np.zeros(markets.size, np.int64)
    for i in prange(markets.size):
        while done[i] < steps and failure[i] == 0 and contexts[0].fault == 0 and not is_full(contexts[0], i):
            failure[i] = guard_stage(contexts[0].step_market, markets[i], i, contexts[0])
            done[i] += 1
    for i in range(markets.size):
        raise_failure(failure[i])
    return contexts[0].fault


@njit(cache=True, **OPTIONS)
def reset_serial(markets, contexts):  # type: ignore[no-untyped-def]
    """Open a session in every market of a batch in the calling thread; return whether one has a fault (0 or 1)."""
    context = contexts[0]
    for market_index in range(markets.size):
        call_stage(context.open_session, markets[market_index], market_index, context)
    return context.fault


@njit(cache=True, nogil=True, parallel=True)
def reset_parallel(markets, contexts):  # type: ignore[no-untyped-def]
    """Do as `reset_serial`, with the markets divided among numba's threads; exceptions as in `step_parallel`."""
    failure = np.zeros(markets.size, np.int64)
    for market_index in prange(markets.size):
        failure[market_index] = guard_stage(contexts[0].open_session, markets[market_index], market_index, contexts[0])
    for market_index in range(markets.size):
        raise_failure(failure[market_index])
    return contexts[0].fault


def run(threads: int, serial: Callable[..., Any], parallel: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result of a kernel on so many `threads`, of the serial one in a process that has been forked.

    Raises the exception that a function called in it raised.
    """
    try:
        if threads == 1 or FORKED.is_set():
            return serial(*arguments)
        with IN_PARALLEL:
            numba.set_num_threads(threads)
            return parallel(*arguments)
    except UncompiledError:
        raise take_raised() from None


def play_in_parts(threads: int, memory: BatchMemory, action: Any, num_choices: Any, steps: int) -> Iterator[int]:
    """Play all markets of a batch; yield the fault after each compiled call, which ends where a log is full."""
    done = np.zeros(memory.markets.size, np.int64)
    while done.min() < steps:
        memory.logs.clear()
        yield run(threads, play_serial, play_parallel, memory.markets, memory.context, action, num_choices, done, steps)
