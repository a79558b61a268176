"""Recorded messages of single orders, prepared once to be sent into any number of markets from any time on.

An array of messages and not of orders, since a market sends them in their order. Each says what is left of its order
behind it, so that a market in which an order has lost more (an own trade took it) or less (another order was in its
way) knows what the record says, without a history.

Assumptions: times rise; prices are whole ticks and quantities whole lots; no message makes the recorded book cross.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


class MessageKind(IntEnum):
    """What a message tells."""

    SUBMIT = 1  # an order comes to rest
    REDUCE = 2  # a part of an order, or all of it, is canceled
    TAKE = 3  # an aggressor takes from the other side; the FILLs behind it say what
    FILL = 4  # the TAKE before has filled this order


MESSAGE = np.dtype(
    [
        ("time_ns", np.int64),
        ("quantity_lots", np.int64),  # submitted, canceled, taken or filled
        ("left_lots", np.int64),  # of the order, behind the message
        ("order", np.int32),  # its number in the record; of a TAKE -1
        ("place", np.int32),  # of the order among those that rest at one time, free again when nothing is left of it
        ("kind", np.int32),  # MessageKind
        ("side", np.int32),  # of the order, or of the aggressor
        ("price_ticks", np.int32),  # of the order; of a TAKE the last one that it reached
        ("bid_price_ticks", np.int32),  # best quotes behind the message, 0 without one
        ("ask_price_ticks", np.int32),
        ("reserved", np.int32),
    ],
    align=True,
)
"""One message; `reserved` fills it up, so that equal messages are equal bytes."""


@dataclass(frozen=True, eq=False)
class ReplayTape:
    """Messages of a recording.

    Attributes:
        tick_size: currency of one tick.
        lot_size: units of one lot.
        messages: MESSAGE rows by time; what rested as the first session began is submitted before it.
        sessions: (sessions, 2) first and last time of each stretch of continuous trading.
        inferred: whether orders are inferred from levels and fills, since the source does not tell them apart.
        left_out: number of what the messages lack, by what it is.
    """

    tick_size: float
    lot_size: float
    messages: NDArray[np.void]
    sessions: NDArray[np.int64]
    inferred: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def places(self) -> int:
        """Return the largest number of orders that rest at one time."""
        return int(self.messages["place"].max(initial=-1)) + 1

    @cached_property
    def _of_orders(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the indices of the messages of orders, by order and time, and the first and the last of each order."""
        named = np.flatnonzero(self.messages["order"] >= 0)
        order = self.messages["order"][named]
        chain = named[np.argsort(order, kind="stable")]
        ends = np.cumsum(np.bincount(order))
        return chain, chain[np.concatenate([[0], ends[:-1]])], chain[ends - 1]

    def index_at(self, time_ns: int) -> int:
        """Return the index of the first message at `time_ns` or later."""
        return int(np.searchsorted(self.messages["time_ns"], time_ns))

    def resting_before(self, index: int) -> NDArray[np.void]:
        """Return the orders that rest before message `index`: their submissions with what is left, by priority."""
        chain, first, last = self._of_orders
        left = self.messages["left_lots"]
        resting = np.flatnonzero((first < index) & ((last >= index) | (left[last] > 0)))
        # Numbers that rise along the chain: the last one below `index` of each order is its latest message.
        step = self.messages.size + 1
        numbers = self.messages["order"][chain].astype(np.int64) * step + chain
        latest = chain[np.searchsorted(numbers, resting * step + index) - 1]
        resting, latest = resting[left[latest] > 0], latest[left[latest] > 0]
        opening: NDArray[np.void] = self.messages[first[resting]].copy()
        opening["quantity_lots"] = opening["left_lots"] = left[latest]
        return opening[np.argsort(first[resting])]

    def quotes_before(self, index: int) -> tuple[int, int]:
        """Return the best bid and ask before message `index`, 0 without one."""
        if index == 0:
            return 0, 0
        message = self.messages[index - 1]
        return int(message["bid_price_ticks"]), int(message["ask_price_ticks"])

    def most_within(self, length_ns: int) -> int:
        """Return the largest number of messages in any stretch of `length_ns` from the first session on."""
        time_ns = self.messages["time_ns"][self.index_at(int(self.sessions[0, 0])) :]
        ends = np.searchsorted(time_ns, time_ns + length_ns)
        return int((ends - np.arange(time_ns.size)).max(initial=0))

    def mid_ticks(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the times at which both sides are quoted, and the mid price behind the messages of each, in ticks."""
        bid, ask = self.messages["bid_price_ticks"], self.messages["ask_price_ticks"]
        quoted = (bid > 0) & (ask > 0)
        return self.messages["time_ns"][quoted], 0.5 * (bid + ask)[quoted]
