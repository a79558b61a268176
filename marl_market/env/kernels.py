"""What is called from Python to open and step the markets of a batch."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import cfunc, from_dtype, njit, prange, types

from marl_market.env.plan import PLAN, call_stage
from marl_market.env.step import close_venue, open_session, open_venue, step_market, trade_once
from marl_market.exchange.compiled import compiled, inlined


@cache
def stages_of(market: np.dtype[np.void]) -> dict[str, Any]:
    """Return the compiled stages of a step for markets of this record type, by the name of their address in PLAN."""
    signature = types.int64(from_dtype(market), types.int64, from_dtype(PLAN))
    stages = (open_venue, close_venue, trade_once, step_market, open_session)
    return {stage.__name__: cfunc(signature, cache=True, error_model="numpy")(stage) for stage in stages}


@inlined
def take_actions(market, number, action):  # type: ignore[no-untyped-def]
    """Give the external seats of a market their rows of `action` (markets, external seats, numbers)."""
    for i in range(market.seat_count):
        seat = market.seat[i]
        if seat.row >= 0:
            for j in range(action.shape[2]):
                seat.action[j] = action[number, seat.row, j]


@compiled
def step_serial(markets, plans, action):  # type: ignore[no-untyped-def]
    """Step every market of a batch in the calling thread.

    `markets` are the records of the first instrument, `plans` holds the one PLAN, `action` has the shape (markets,
    external seats, numbers).
    """
    plan = plans[0]
    for number in range(markets.size):
        take_actions(markets[number], number, action)
        call_stage(plan.step_market, markets[number], number, plan)


@njit(cache=True, nogil=True, parallel=True)
def step_parallel(markets, plans, action):  # type: ignore[no-untyped-def]
    """Step every market of a batch, markets shared out over numba's threads."""
    for number in prange(markets.size):
        take_actions(markets[number], number, action)
        call_stage(plans[0].step_market, markets[number], number, plans[0])


@njit(cache=True, nogil=True, parallel=True)
def reset_markets(markets, plans):  # type: ignore[no-untyped-def]
    """Open a session in every market of a batch."""
    for number in prange(markets.size):
        call_stage(plans[0].open_session, markets[number], number, plans[0])
