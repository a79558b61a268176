"""The public data of one market of a batch as a Tape: the same columns that real data are read into."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.exchange.codes import EventKind, Liquidity
from marl_market.exchange.feed import fill_pairs
from marl_market.market.tape import FLOW, QUOTE, TRADE, FlowKind, Side, Tape

ARRIVALS = (EventKind.ACCEPTED, EventKind.TRIGGERED, EventKind.REPLACED)
"""Events of an order that may take liquidity; all taker fills until the next such event are its own."""
REMOVALS = (EventKind.CANCELED, EventKind.EXPIRED)


class TapeRecorder:
    """Record the tape of a session of one market, see `marl_market.env.recording.recorder`."""

    def __init__(self, batch: BatchMarket, market: int = 0) -> None:
        """Record market number `market` of `batch`."""
        self._batch = batch
        self._market = market
        self._quotes: list[NDArray[np.void]] = []
        self._events: list[NDArray[np.void]] = []

    def open(self) -> None:
        """Begin a tape with the quote of the market as it stands."""
        market = self._batch.markets[self._market]
        self._quotes, self._events = [_quote(market["public"])], []

    def record(self) -> None:
        """Append the events and the quote of the last step; raises RuntimeError before the first `open`."""
        if not self._quotes:
            raise RuntimeError("there is no session to record yet: call open after the reset")
        market = self._batch.markets[self._market]
        self._events.append(market["event"][: market["event_count"]].copy())
        self._quotes.append(_quote(market["public"]))

    def tape(self) -> Tape:
        """Return the tape; offsets are from the opposite best price at the beginning of the order's step."""
        spec = self._batch.environment.spec
        empty = np.zeros(0, self._batch.markets["event"].dtype)
        events = np.concatenate([empty, *self._events])
        quotes = np.concatenate([np.zeros(0, QUOTE), *self._quotes])
        changed = np.ones(quotes.size, np.bool_)
        columns = [name for name in QUOTE.names or () if name != "time_ns"]
        changed[1:] = np.any([quotes[name][1:] != quotes[name][:-1] for name in columns], axis=0)
        step = np.repeat(np.arange(len(self._events)), [part.size for part in self._events])
        flow = _flow(events, quotes, step)
        return Tape(float(spec.tick_size), float(spec.lot_size), quotes[changed], _trades(events), flow)


def _quote(public: Any) -> NDArray[np.void]:
    """Return the best bid and ask of a public record as a QUOTE row, zeros for a side without quotes."""
    bid, ask = public["level"][0, 0], public["level"][1, 0]
    has_bid, has_ask = public["depth"] > 0
    quote = np.zeros(1, QUOTE)
    quote["time_ns"] = public["time_ns"]
    if has_bid:
        quote["bid_price_ticks"], quote["bid_quantity_lots"] = bid["price_ticks"], bid["quantity_lots"]
    if has_ask:
        quote["ask_price_ticks"], quote["ask_quantity_lots"] = ask["price_ticks"], ask["quantity_lots"]
    return quote


def _trades(events: NDArray[np.void]) -> NDArray[np.void]:
    """Return the fills as trades, one for both sides; the aggressor side of a call auction's trade is 0."""
    _, fills = fill_pairs(events)
    trades = np.zeros(fills.size, TRADE)
    trades["time_ns"] = fills["time_ns"]
    trades["price_ticks"] = fills["price_ticks"]
    trades["aggressor_side"] = np.where(fills["liquidity"] == Liquidity.AUCTION, 0, fills["side"])
    trades["quantity_lots"] = fills["quantity_lots"]
    return trades


def _flow(events: NDArray[np.void], quotes: NDArray[np.void], step: NDArray[np.int64]) -> NDArray[np.void]:
    """Return resting orders, cancels and aggressors (the fills of one order merged), in the order of events.

    Only the displayed quantity of an iceberg order counts: each refresh is a new limit order. A replaced order is a
    cancel of all or a part of it, and a new limit order where it has lost its queue position.
    """
    rested, quantity = events["kind"] == EventKind.RESTED, events["quantity_lots"].copy()
    canceled = np.isin(events["kind"], REMOVALS) & (events["liquidity"] == Liquidity.MAKER)
    taken = (events["kind"] == EventKind.FILLED) & (events["liquidity"] == Liquidity.TAKER)
    fills = np.flatnonzero(taken)
    arrival = np.cumsum(np.isin(events["kind"], ARRIVALS))
    _, order = np.unique(arrival[fills], return_inverse=True)
    last, total = np.zeros((2, order.max(initial=-1) + 1), np.int64)
    last[order] = fills  # of several fills of one order, the last one stays
    np.add.at(total, order, events["quantity_lots"][fills])
    quantity[last] = total
    chosen = rested | canceled
    chosen[last] = True
    flow = np.zeros(int(chosen.sum()), FLOW)
    flow["time_ns"] = events["time_ns"][chosen]
    flow["kind"] = np.select([rested, canceled], [FlowKind.LIMIT, FlowKind.CANCEL], FlowKind.MARKET)[chosen]
    flow["side"] = events["side"][chosen]
    flow["price_ticks"] = events["price_ticks"][chosen]
    flow["quantity_lots"] = quantity[chosen]
    before = quotes[step[chosen]]
    opposite = np.where(flow["side"] == Side.BUY, before["ask_price_ticks"], before["bid_price_ticks"])
    quoted = np.where(flow["side"] == Side.BUY, before["ask_quantity_lots"], before["bid_quantity_lots"]) > 0
    flow["offset_ticks"] = np.where(quoted, flow["side"] * (opposite - flow["price_ticks"]), 0)
    return flow
