"""The book of a recorded tape, rebuilt from its order flow, trades and quotes."""

from __future__ import annotations

import numpy as np

from marl_market.market.tape import FlowKind, Side, Tape

Levels = list[tuple[int, int]]
"""(price in ticks, quantity in lots), best first."""


class TapeBook:
    """The levels of both sides as time goes on.

    Assumptions: orders from before the tape are unknown, so deep levels are incomplete at its beginning. The quotes are
    right: levels better than the best quote, such as those of hidden orders, are not shown, and the best one is as
    quoted.
    """

    def __init__(self, tape: Tape) -> None:
        """Begin before the first row."""
        self._tape = tape
        flow = tape.flow[tape.flow["kind"] != FlowKind.MARKET]
        trades = tape.trades[tape.trades["aggressor_side"] != 0]
        times = np.concatenate([flow["time_ns"], trades["time_ns"]])
        order = np.argsort(times, kind="stable")
        added = np.where(flow["kind"] == FlowKind.LIMIT, 1, -1) * flow["quantity_lots"]
        self._times = times[order]
        self._side = np.concatenate([flow["side"], -trades["aggressor_side"]])[order].tolist()
        self._price = np.concatenate([flow["price_ticks"], trades["price_ticks"]])[order].tolist()
        self._change = np.concatenate([added, -trades["quantity_lots"]])[order].tolist()
        self._next = 0
        self._depth: dict[int, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}

    def advance(self, time_ns: int) -> None:
        """Apply all that happens before a time, which never falls."""
        end = int(np.searchsorted(self._times, time_ns))
        for number in range(self._next, end):
            depth, price = self._depth[self._side[number]], self._price[number]
            left = depth.get(price, 0) + self._change[number]
            if left > 0:
                depth[price] = left
            else:
                depth.pop(price, None)
        self._next = max(self._next, end)

    def levels(self, side: Side, best_ticks: int, best_lots: int, count: int) -> Levels:
        """Return at most `count` levels of a side whose best quote is known; none where it has no quantity."""
        if best_lots <= 0:
            return []
        behind = [price for price in self._depth[side] if side * price < side * best_ticks]
        behind.sort(key=lambda price: -side * price)
        return [(best_ticks, best_lots), *((price, self._depth[side][price]) for price in behind[: count - 1])]
