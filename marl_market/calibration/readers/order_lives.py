"""Collects the lives of the resting orders that a feed tells apart, from their beginning to their end.

A life begins where an order is seen to come to rest, and ends where nothing of it is left: as FILLED where a fill takes
the last of it, as CANCELED otherwise. Partial cancels and fills change nothing else of it; an order that is replaced
ends, and another begins. Orders whose beginning is not in the recording have none. What a session leaves open is OPEN
until its end, whatever becomes of it later; nothing that begins between two sessions is kept.

The memory is that of the live orders and of the recorded rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.readers.rows import Rows, table_of
from marl_market.calibration.readers.steps import Step
from marl_market.market.spec import MAXIMUM_PRICE_TICKS
from marl_market.market.tape import ORDER, Outcome

NEVER_NS = np.iinfo(np.int64).max


class _Life:
    """A live order: its number among all, when and where it began, and what is left of it."""

    __slots__ = ("left", "number", "price", "quantity", "side", "time_ns")

    def __init__(self, number: int, time_ns: int, side: int, price: int, quantity: int) -> None:
        self.number, self.time_ns, self.side = number, time_ns, side
        self.price, self.quantity, self.left = price, quantity, quantity


class OrderLives:
    """Lives of orders in the making; prices and quantities are in the file's own whole units."""

    def __init__(self) -> None:
        self._live: dict[int, _Life] = {}
        self._begun = 0
        self._ended, self._fills = Rows(7), Rows(3)

    def begin(self, time_ns: int, order_id: int, side: int, price: int, quantity: int) -> None:
        """Let an order rest; an older one of the number is forgotten, since its end was missed."""
        self._live[order_id] = _Life(self._begun, time_ns, side, price, quantity)
        self._begun += 1

    def fill(self, time_ns: int, order_id: int, quantity: int) -> None:
        """Let a fill take `quantity` off an order; one that is not known to rest has no life to change."""
        life = self._live.get(order_id)
        if life is not None:
            self._add(self._fills, [life.number, time_ns, min(quantity, life.left)])
            life.left -= quantity
            if life.left <= 0:
                self._end(time_ns, order_id, Outcome.FILLED)

    def cancel(self, time_ns: int, order_id: int, quantity: int | None = None) -> None:
        """Cancel `quantity`, all where None, of an order."""
        life = self._live.get(order_id)
        if life is not None:
            life.left -= life.left if quantity is None else quantity
            if life.left <= 0:
                self._end(time_ns, order_id, Outcome.CANCELED)

    def forget(self, order_id: int) -> None:
        """Drop an order that is known to have ended at an unknown time."""
        self._live.pop(order_id, None)

    def close(self, time_ns: int) -> None:
        """Leave all live orders open; what follows is of other orders."""
        for order_id in list(self._live):
            self._end(time_ns, order_id, Outcome.OPEN)

    def table(self, sessions: NDArray[np.int64], tick: Step, lot: Step) -> NDArray[np.void]:
        """Return the closed lives within `sessions` as ORDER rows, by their time; without those beyond the prices."""
        columns = self._ended.columns({5: tick.units}, {6: lot.units})
        order = np.lexsort((columns[0], columns[1]))
        number, time_ns, end_ns, outcome, side, price, quantity = (column[order] for column in columns)
        last_ns = _session_ends(time_ns, sessions)
        is_open = (outcome == Outcome.OPEN) | (end_ns > last_ns)
        first_fill_ns, filled = self._filled(number, last_ns, lot)
        table = table_of(
            ORDER,
            [
                time_ns, np.where(is_open, last_ns, end_ns), first_fill_ns, np.where(is_open, Outcome.OPEN, outcome),
                side, price, np.zeros_like(side), quantity, np.minimum(filled, quantity),
            ],
        )  # fmt: skip
        kept: NDArray[np.void] = table[(last_ns >= time_ns) & (price <= MAXIMUM_PRICE_TICKS)]
        return kept

    def _filled(
        self, number: NDArray[np.int64], last_ns: NDArray[np.int64], lot: Step
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the time of the first fill, 0 without, and the lots filled, of each order until its session's end."""
        of, time_ns, lots = self._fills.columns({}, {2: lot.units})
        row_of = np.full(self._begun, -1, np.int64)
        row_of[number] = np.arange(number.size)
        row = row_of[of]
        inside = (row >= 0) & (time_ns <= last_ns[row]) if number.size else np.zeros(of.size, np.bool_)
        filled, first_ns = np.zeros(number.size, np.int64), np.full(number.size, NEVER_NS)
        np.add.at(filled, row[inside], lots[inside])
        np.minimum.at(first_ns, row[inside], time_ns[inside])
        return np.where(filled > 0, first_ns, 0), filled

    def _end(self, time_ns: int, order_id: int, outcome: Outcome) -> None:
        life = self._live.pop(order_id)
        self._add(self._ended, [life.number, life.time_ns, time_ns, outcome, life.side, life.price, life.quantity])

    @staticmethod
    def _add(rows: Rows, row: list[int]) -> None:
        rows.add(row)
        if rows.full:
            rows.pack()


def _session_ends(time_ns: NDArray[np.int64], sessions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the end of the session of each time, -1 for a time between two."""
    if not sessions.size:
        return np.full(time_ns.size, -1)
    session = np.searchsorted(sessions[:, 0], time_ns, side="right") - 1
    ends = np.where(session >= 0, sessions[session, 1], -1)
    return np.where(time_ns <= ends, ends, -1)
