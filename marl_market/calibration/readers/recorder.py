"""Collects the rows of a reader into one tape, and the sessions in which they were recorded.

A reader works in its file's own whole units (a ten-thousandth of a dollar, say); ticks and lots are only known once
the whole file has been read, so the recorder converts at the end.

A session is a stretch of time with data and continuous trading. It ends at a gap: one that the reader names (a halt, a
lost message, the end of a file), or an outage: a silence longer than `longest_silence`, by default a minute and
`OUTAGE_MEANS` times the mean of the silences of up to a minute. Nothing is joined across a gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.readers.book_side import BookSide
from marl_market.calibration.readers.message_log import MessageLog
from marl_market.calibration.readers.order_book import Order
from marl_market.calibration.readers.order_lives import OrderLives
from marl_market.calibration.readers.rows import Rows, table_of
from marl_market.calibration.readers.source import DataError
from marl_market.calibration.readers.steps import Step
from marl_market.calibration.readers.summary import Gap, Summary
from marl_market.calibration.readers.times import MINUTE_NS, Window
from marl_market.market.fees import Fees
from marl_market.market.provenance import Provenance
from marl_market.market.spec import MAXIMUM_PRICE_TICKS
from marl_market.market.tape import FLOW, QUOTE, TRADE, FlowKind, Side, Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

OUTAGE = "outage"
OUTAGE_MEANS = 20.0


@dataclass(frozen=True, kw_only=True)
class Recording(Tape):
    """A tape of a real venue, with its origin.

    Attributes:
        provenance: file that it was read from.
        fees: of the venue.
        currency: of the prices.
        hidden: booleans, one a trade: whether the resting order was hidden.
        summary: account of the reading.
    """

    provenance: Provenance
    fees: Fees
    currency: str
    hidden: NDArray[np.bool_]
    summary: Summary


class Recorder:
    """Rows of a tape in the making; every price and quantity is in the file's own whole units."""

    def __init__(
        self,
        summary: Summary | None = None,
        window: Window | None = None,
        longest_silence: float | None = None,
        log: MessageLog | None = None,
    ) -> None:
        self.summary = summary or Summary()
        self.window = window or Window()
        self.log = MessageLog(kept=False) if log is None else log
        """Messages of single orders, those outside of the window too."""
        self._longest_silence = longest_silence
        self._quotes, self._trades, self._flow = Rows(5), Rows(5), Rows(6)
        self.lives = OrderLives()
        """Lives of the orders that a reader tells apart."""
        self._best = (0, 0, 0, 0)
        self._quoted: tuple[int, int, int, int] | None = None
        self._market_order: tuple[int, int] | None = None
        self._market_row: list[int] = []
        self._inside = False
        self._first_ns: int | None = None
        self.last_ns = 0
        """Last time seen inside the window."""
        self._gaps: list[Gap] = []
        self._silences: list[Gap] = []
        self._short_silences, self._short_ns = 0, 0
        self._interrupted = ""

    @property
    def span_ns(self) -> tuple[int, int]:
        """Return the first and the last time seen inside the window; raises DataError where there is none."""
        if self._first_ns is None:
            raise DataError("no message of the file is inside of start and end")
        return self._first_ns, self.last_ns

    def begin_file(self) -> None:
        """Separate what follows from the file before, if there is one; its order numbers mean nothing from here on."""
        self.clear(self.last_ns)
        self.interrupt("between files")

    def interrupt(self, reason: str) -> None:
        """Separate what follows from what was seen before, if anything was; the time in between is a gap."""
        self._interrupted = reason

    def see(self, time_ns: int) -> bool:
        """Take note that the feed was alive, and return whether the time is inside the window.

        Every message counts, heartbeats too; call it before recording the rows of the message.
        """
        inside = self.window.contains(time_ns)
        if not inside:
            if self._inside:
                self._separate()
            self._inside = False
            return False
        if self._first_ns is None:
            self._first_ns = time_ns
        elif self._interrupted:
            self.gap(self.last_ns, time_ns, self._interrupted)
        elif not self._inside:
            self.gap(self.last_ns, time_ns, "outside of start and end")
        else:
            self._hear(time_ns - self.last_ns, time_ns)
        self._inside, self._interrupted = True, ""
        self.last_ns = max(time_ns, self.last_ns)
        return True

    def gap(self, from_ns: int, to_ns: int, reason: str) -> None:
        """End a session at `from_ns` and begin one at `to_ns`; the next quote is recorded even if it is the same.

        Raises DataError where `to_ns` is earlier.
        """
        if to_ns < from_ns:
            raise DataError(f"{reason}: the time falls from {from_ns} to {to_ns} ns; files must not overlap")
        self._gaps.append(Gap(from_ns, to_ns, reason))
        self._separate()

    def quote(self, time_ns: int, bids: BookSide, asks: BookSide) -> None:
        """Record the best bid and ask where they changed."""
        bid_price, bid_quantity = bids.best()
        ask_price, ask_quantity = asks.best()
        self._best = (bid_price, ask_price, bid_quantity, ask_quantity)
        if self._inside and self._best != self._quoted:
            self._quoted = self._best
            self._quotes.add([time_ns, *self._best])
            if self._quotes.full:
                self._quotes.pack()

    def order(self, time_ns: int, kind: FlowKind, side: int, price: int, quantity: int) -> None:
        """Record a limit order or a cancel; its offset counts from the best quotes given last."""
        if self._inside:
            self._add_flow([time_ns, kind, side, price, self._offset(side, price), quantity])

    def rest(self, time_ns: int, order_id: int, side: int, price: int, quantity: int) -> None:
        """Record that an order begins to rest; the next four methods take what becomes of it."""
        self.log.rest(time_ns, order_id, side, price, quantity)
        if self._inside:
            self.lives.begin(time_ns, order_id, side, price, quantity)

    def cancel(self, time_ns: int, order_id: int, quantity: int | None = None) -> None:
        """Record the cancel of `quantity`, all where None, of an order that rests."""
        self.log.cancel(time_ns, order_id, quantity)
        self.lives.cancel(time_ns, order_id, quantity)

    def fill(self, time_ns: int, order_id: int, quantity: int, continuous: bool = True) -> None:
        """Record the fill of an order that rests, in continuous trading or in an auction."""
        if continuous:
            self.log.fill(time_ns, order_id, quantity)
        else:
            self.log.cancel(time_ns, order_id, quantity)
        self.lives.fill(time_ns, order_id, quantity)

    def resize(self, time_ns: int, order_id: int, left: int, order: Order) -> None:
        """Record that an order of which `left` rests has the quantity of `order` now, at the same price."""
        if order.quantity > left:
            self.log.cancel(time_ns, order_id)
            self.log.rest(time_ns, order_id, order.side, order.price, order.quantity)
        elif order.quantity < left:
            self.log.cancel(time_ns, order_id, left - order.quantity)
        self.lives.cancel(time_ns, order_id, max(left - order.quantity, 0))

    def clear(self, time_ns: int) -> None:
        """Record that nothing rests any longer."""
        if len(self.log):
            self.log.clear(time_ns)
        self.lives.close(time_ns)

    def trade(self, time_ns: int, aggressor_side: int, price: int, quantity: int, hidden: bool = False) -> None:
        """Record a fill; fills of one aggressor side at one time become one market order, priced at its last fill.

        A fill of an unknown aggressor has side 0 and is no part of the order flow.
        """
        if not self._inside:
            return
        self._trades.add([time_ns, price, aggressor_side, quantity, hidden])
        if self._trades.full:
            self._trades.pack()
        if not aggressor_side:
            return
        if self._market_order == (time_ns, aggressor_side):
            self._market_row[4] -= aggressor_side * (price - self._market_row[3])
            self._market_row[3] = price
            self._market_row[5] += quantity
            return
        offset = self._offset(aggressor_side, price)
        row = [time_ns, FlowKind.MARKET, aggressor_side, price, offset, quantity]
        self._add_flow(row)
        self._market_order, self._market_row = (time_ns, aggressor_side), row

    def recording(self, tick: Step, lot: Step, provenance: Provenance, fees: Fees, currency: str) -> Recording:
        """Return the rows as a tape of ticks and lots; what is no whole lot is rounded, to one lot or more.

        Limit orders and cancels beyond `MAXIMUM_PRICE_TICKS` are left out: no market can hold them. Raises
        ValueError where a best quote or a trade lies there.
        """
        # Only hidden executions lie between two ticks (at the mid); everything else divides exactly.
        quotes = self._quotes.columns({1: tick.units, 2: tick.units}, {3: lot.units, 4: lot.units})
        trades = self._trades.columns({1: tick.units}, {3: lot.units})
        flow = self._flow.columns({3: tick.units, 4: tick.units}, {5: lot.units})
        highest = max(int(column.max(initial=0)) for column in (quotes[1], quotes[2], trades[1]))
        if highest > MAXIMUM_PRICE_TICKS:
            raise ValueError(f"tick_size is {tick.size}; the market trades above {MAXIMUM_PRICE_TICKS} such ticks")
        held = flow[3] <= MAXIMUM_PRICE_TICKS
        sessions = self._sessions()
        self.lives.close(self.last_ns)
        return Recording(
            tick_size=tick.size,
            lot_size=lot.size,
            quotes=table_of(QUOTE, quotes),
            trades=table_of(TRADE, trades[:4]),
            flow=table_of(FLOW, [column[held] for column in flow]),
            orders=self.lives.table(sessions, tick, lot),
            sessions=sessions,
            provenance=provenance,
            fees=fees,
            currency=currency,
            hidden=trades[4].astype(np.bool_),
            summary=self.summary,
        )

    def _add_flow(self, row: list[int]) -> None:
        # A market order is packed only once no fill of its time can come.
        if self._flow.full and (self._market_order is None or self._market_order[0] < row[0]):
            self._flow.pack()
        self._flow.add(row)

    def _separate(self) -> None:
        self._quoted, self._market_order = None, None

    def _hear(self, silence_ns: int, time_ns: int) -> None:
        if silence_ns <= MINUTE_NS:
            self._short_silences += 1
            self._short_ns += silence_ns
        if silence_ns > self._shortest_outage_ns:
            self._silences.append(Gap(self.last_ns, time_ns, OUTAGE))
            self._separate()

    @property
    def _shortest_outage_ns(self) -> float:
        """Return the silence beyond which there may be an outage, whatever the rest of the file holds."""
        if self._longest_silence is not None:
            return self._longest_silence * NANOSECONDS_PER_SECOND
        return MINUTE_NS

    def _outages(self) -> list[Gap]:
        longest = self._shortest_outage_ns
        if self._longest_silence is None and self._short_silences:
            longest = max(longest, OUTAGE_MEANS * self._short_ns / self._short_silences)
        return [gap for gap in self._silences if gap.to_ns - gap.from_ns > longest]

    def _sessions(self) -> NDArray[np.int64]:
        if self._first_ns is None:
            return np.zeros((0, 2), np.int64)
        sessions, begin = [], self._first_ns
        # A silence inside of a halt is a part of the halt.
        for gap in sorted(self._gaps + self._outages(), key=lambda gap: (gap.from_ns, gap.reason == OUTAGE)):
            from_ns, to_ns = max(begin, gap.from_ns), min(gap.to_ns, self.last_ns)
            if to_ns >= from_ns:
                self.summary.gaps.append(Gap(from_ns, to_ns, gap.reason))
                sessions.append((begin, from_ns))
                begin = to_ns
        sessions.append((begin, self.last_ns))
        self.summary.active_ns = sum(end - begin for begin, end in sessions)
        return np.array(sessions, dtype=np.int64)

    def _offset(self, side: int, price: int) -> int:
        bid, ask, bid_quantity, ask_quantity = self._best
        opposite, quantity = (ask, ask_quantity) if side == Side.BUY else (bid, bid_quantity)
        return side * (opposite - price) if quantity else 0
