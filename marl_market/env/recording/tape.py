"""The public data of one market of a batch as a Tape: the same columns that real data are read into."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.exchange.records import EVENT
from marl_market.exchange.tape_rows import displayed_orders, tape_rows
from marl_market.market.tape import FLOW, QUOTE, TRADE, Tape


class TapeRecorder:
    """Record the tape of a session of one market, see `marl_market.env.interface.recorder`.

    `BatchMarket.play` records many steps at once; the tape is the same.
    """

    def __init__(self, batch: BatchMarket, market: int = 0) -> None:
        """Record market number `market` of `batch`."""
        self._batch = batch
        self._market = market
        self._events: list[NDArray[np.void]] | None = None
        batch.keep_events(market)

    def open(self) -> None:
        """Begin a tape with the book of the market as it stands."""
        market = self._batch.markets[self._market]
        self._displayed, self._opening_ns = displayed_orders(market), int(market["time_ns"])
        self._events, self._closing_ns = [], self._opening_ns

    def record(self) -> None:
        """Append the events of the last step, or of the steps played; raises RuntimeError before the first `open`."""
        if self._events is None:
            raise RuntimeError("there is no session to record yet: call open after the reset")
        self._events.append(self._batch.events_of(self._market).copy())
        self._closing_ns = int(self._batch.markets[self._market]["time_ns"])

    def tape(self) -> Tape:
        """Return the tape; it is empty before the first `open`.

        Its orders are those that began to rest in the recording. Its one session lies between the call auctions.
        """
        spec = self._batch.environment.spec
        sizes = float(spec.tick_size), float(spec.lot_size)
        if self._events is None:
            return Tape(*sizes, np.zeros(0, QUOTE), np.zeros(0, TRADE), np.zeros(0, FLOW))
        events = np.concatenate([np.zeros(0, EVENT), *self._events])
        rows = tape_rows(self._displayed, self._opening_ns, events, self._closing_ns)
        begin = spec.rules.opening_auction_steps * spec.step_ns
        end = (spec.session_steps - spec.rules.closing_auction_steps) * spec.step_ns
        session = [max(begin, self._opening_ns), min(end, self._closing_ns)]
        return Tape(*sizes, *rows, np.array([session], np.int64))
