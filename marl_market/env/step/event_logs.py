"""Logs of all events of some markets in a call of the step, for recorders.

A market keeps only the events of the last tick of its clock. A log has room for those of a whole step, however many
there are, most of it memory that is never touched, and tells when it might not have it any more.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numba import carray
from numpy.typing import NDArray

from marl_market.env.step.context import address
from marl_market.exchange.compiled import compiled
from marl_market.exchange.pointers import copy_record, pointer
from marl_market.exchange.records import EVENT

SPARE_EVENTS = 1 << 16
"""Events of many steps, beside those that one step makes at most."""

EVENT_LOG = np.dtype(
    [
        ("events", np.int64),  # address; 0 for a market without a log
        ("count", np.int64),
        ("full", np.int64),  # count from which on the events of a step might not fit
    ],
    align=True,
)


class EventLogs:
    """The logs of a batch, some of its markets have one; `events` are those since the last `clear`.

    Attributes:
        used: whether a market has one.
    """

    def __init__(self, markets: int, most_events: int) -> None:
        """Let no market have a log; a step makes `most_events` at most."""
        self._rows = np.zeros(markets, EVENT_LOG)
        self._most = most_events
        self.used = False
        self._memory: dict[int, NDArray[np.void]] = {}

    def empty_copy(self) -> Self:
        """Return empty logs of the same markets."""
        copied = type(self)(self._rows.size, self._most)
        for market in self._memory:
            copied.add(market)
        return copied

    @property
    def markets(self) -> tuple[int, ...]:
        """Return the markets that have a log."""
        return tuple(self._memory)

    @property
    def address(self) -> int:
        """Return the address of the EVENT_LOG rows."""
        return address(self._rows)

    def add(self, market: int) -> None:
        """Let a market have a log, unless it has one."""
        if market not in self._memory:
            self._memory[market] = np.empty(self._most + SPARE_EVENTS, EVENT)
            self.used = True
            self._rows[market] = (address(self._memory[market]), 0, SPARE_EVENTS)

    def clear(self) -> None:
        """Begin every log anew."""
        self._rows["count"] = 0

    def events(self, market: int) -> NDArray[np.void]:
        """Return a view of a market's log; raises RuntimeError for a market without one."""
        if market not in self._memory:
            raise RuntimeError(f"the events of market {market} are not kept: call keep_events before the step")
        return self._memory[market][: self._rows["count"][market]]


@compiled
def is_full(context, market_index):  # type: ignore[no-untyped-def]
    """Return whether the events of one more step might not fit a market's log."""
    if context.logs == 0:
        return False
    log = carray(pointer(context.logs), (context.markets,), EVENT_LOG)[market_index]
    return log.events != 0 and log.count > log.full


@compiled
def log_events(market, market_index, context):  # type: ignore[no-untyped-def]
    """Append the events of the last tick to a market's log."""
    log = carray(pointer(context.logs), (context.markets,), EVENT_LOG)[market_index]
    if log.events == 0:
        return
    count = log.count
    kept = carray(pointer(log.events), (count + market.event_count,), EVENT)
    for i in range(market.event_count):
        copy_record(kept[count + i], market.event[i])
    log.count = count + market.event_count
