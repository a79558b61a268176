"""The memory that the seats of a group share, in the record of the first of them.

Why there: the seats of a market lie one after the other, so any of them finds it by its index in the group, and a copy
of the market needs no address set anew.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from marl_market.env.interface.records import GROUP_MEMORY, SEAT
from marl_market.exchange.compiled import inlined
from marl_market.exchange.pointers import pointer, record_after

SEAT_BYTES = SEAT.itemsize


@inlined
def group_memory(seat):  # type: ignore[no-untyped-def]
    """Return the GROUP_MEMORY float64 numbers that the seats of a group share in a market, 0 at the open of a session.

    Any of the seats may write them, as its agent's `group_update` does before they decide, in the order of the seats.
    The array is empty where the agent has no `group_update`.
    """
    agent = record_after(seat, -SEAT_BYTES * np.int64(seat.agent.group_index)).agent
    size = GROUP_MEMORY if agent.group_update != 0 else 0
    return carray(pointer(np.int64(agent.group_memory.ctypes.data)), (size,), np.float64)
