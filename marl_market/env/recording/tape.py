"""What one market of a batch showed, as a Tape: the same columns that real data are read into."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.env.recording.displayed_orders import SHOWN, displayed_orders, track_cancellations
from marl_market.exchange.codes import EventKind, Liquidity
from marl_market.exchange.feed import fill_pairs
from marl_market.market.tape import FLOW, QUOTE, TRADE, FlowKind, Side, Tape

ARRIVALS = (EventKind.ACCEPTED, EventKind.TRIGGERED, EventKind.REPLACED)
"""Events after which an order may take; until the next of them, all that is taken is taken by it."""


class TapeRecorder:
    """Collect the tape of one session of one market; call `record` after the reset and after each step."""

    def __init__(self, batch: BatchMarket, market: int = 0) -> None:
        """Record market number `market` of `batch`."""
        self._batch = batch
        self._market = market
        self._quotes: list[NDArray[np.void]] = []
        self._events: list[NDArray[np.void]] = []
        self._opening = np.zeros(0, SHOWN)

    def open(self) -> None:
        """Begin a session; called after the reset."""
        self._quotes, self._events = [], []
        self.record()

    def record(self) -> None:
        """Take over what has happened since the last call."""
        market = self._batch.markets[self._market]
        if not self._quotes:
            self._opening = displayed_orders(market)
        public = market["public"]
        bid, ask = public["level"][0, 0], public["level"][1, 0]
        has_bid, has_ask = public["depth"] > 0
        quote = np.zeros(1, QUOTE)
        quote["time_ns"] = public["time_ns"]
        if has_bid:
            quote["bid_price_ticks"], quote["bid_quantity_lots"] = bid["price_ticks"], bid["quantity_lots"]
        if has_ask:
            quote["ask_price_ticks"], quote["ask_quantity_lots"] = ask["price_ticks"], ask["quantity_lots"]
        self._events.append(market["event"][: market["event_count"]].copy())
        self._quotes.append(quote)

    def tape(self) -> Tape:
        """Return all that was recorded; offsets are from the opposite touch at the beginning of the order's step."""
        spec = self._batch.environment.spec
        empty = np.zeros(0, self._batch.markets["event"].dtype)
        events = np.concatenate([empty, *self._events])
        quotes = np.concatenate([np.zeros(0, QUOTE), *self._quotes])
        changed = np.ones(quotes.size, np.bool_)
        columns = [name for name in QUOTE.names or () if name != "time_ns"]
        changed[1:] = np.any([quotes[name][1:] != quotes[name][:-1] for name in columns], axis=0)
        step = np.repeat(np.arange(len(self._events)), [part.size for part in self._events])
        flow = _flow(events, self._opening, quotes, step)
        return Tape(float(spec.tick_size), float(spec.lot_size), quotes[changed], _trades(events), flow)


def _trades(events: NDArray[np.void]) -> NDArray[np.void]:
    """Return the fills as trades, one for both sides; in a call auction there is no aggressor, its side is 0."""
    _, fills = fill_pairs(events)
    trades = np.zeros(fills.size, TRADE)
    trades["time_ns"] = fills["time_ns"]
    trades["price_ticks"] = fills["price_ticks"]
    trades["aggressor_side"] = np.where(fills["liquidity"] == Liquidity.AUCTION, 0, fills["side"])
    trades["quantity_lots"] = fills["quantity_lots"]
    return trades


def _flow(
    events: NDArray[np.void], opening: NDArray[np.void], quotes: NDArray[np.void], step: NDArray[np.int64]
) -> NDArray[np.void]:
    """Return resting orders, cancels and aggressors (the fills of one order merged), in the order they came.

    Of an order that hides a part, only what is shown counts: each refresh comes, and what is canceled of it goes. A
    replaced order goes, wholly or in part, and comes again where it has lost its place.
    """
    rested = events["kind"] == EventKind.RESTED
    quantity, price = events["quantity_lots"].copy(), events["price_ticks"].copy()
    withdrawn, left_from = np.zeros_like(quantity), np.zeros_like(price)
    track_cancellations(events, opening.copy(), withdrawn, left_from)
    canceled = withdrawn > 0
    quantity[canceled], price[canceled] = withdrawn[canceled], left_from[canceled]
    taken = (events["kind"] == EventKind.FILLED) & (events["liquidity"] == Liquidity.TAKER)
    fills = np.flatnonzero(taken)
    arrival = np.cumsum(np.isin(events["kind"], ARRIVALS))
    _, place = np.unique(arrival[fills], return_inverse=True)
    last, total = np.zeros((2, place.max(initial=-1) + 1), np.int64)
    last[place] = fills  # of several fills of one order, the last one stays
    np.add.at(total, place, events["quantity_lots"][fills])
    quantity[last] = total
    chosen = rested | canceled
    chosen[last] = True
    flow = np.zeros(int(chosen.sum()), FLOW)
    flow["time_ns"] = events["time_ns"][chosen]
    flow["kind"] = np.select([rested, canceled], [FlowKind.LIMIT, FlowKind.CANCEL], FlowKind.MARKET)[chosen]
    flow["side"] = events["side"][chosen]
    flow["price_ticks"] = price[chosen]
    flow["quantity_lots"] = quantity[chosen]
    before = quotes[np.maximum(step[chosen] - 1, 0)]
    opposite = np.where(flow["side"] == Side.BUY, before["ask_price_ticks"], before["bid_price_ticks"])
    there = np.where(flow["side"] == Side.BUY, before["ask_quantity_lots"], before["bid_quantity_lots"]) > 0
    flow["offset_ticks"] = np.where(there, flow["side"] * (opposite - flow["price_ticks"]), 0)
    return flow
