"""Tapes whose facts are worked out by hand; times in seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marl_market.market.tape import FLOW, ORDER, QUOTE, TRADE, FlowKind, Outcome, Side, Tape

SECOND = 1_000_000_000
BUY, SELL = Side.BUY, Side.SELL
LIMIT, CANCEL, MARKET = FlowKind.LIMIT, FlowKind.CANCEL, FlowKind.MARKET
OPEN, CANCELED, FILLED = Outcome.OPEN, Outcome.CANCELED, Outcome.FILLED


def ns(seconds: ArrayLike) -> NDArray[np.int64]:
    return np.round(np.asarray(seconds, np.float64) * SECOND).astype(np.int64)


def tape(
    quotes: Sequence[tuple[float, ...]] = (),
    trades: Sequence[tuple[float, ...]] = (),
    flow: Sequence[tuple[float, ...]] = (),
    orders: Sequence[tuple[float, ...]] = (),
    sessions: Sequence[tuple[float, float]] = (),
) -> Tape:
    """Return a tape of rows in the columns of its tables, orders without `reserved`."""

    def table(dtype: np.dtype, rows: Sequence[tuple[float, ...]], times: int = 1) -> NDArray[np.void]:
        return np.array([(*(int(ns(each)) for each in row[:times]), *row[times:]) for row in rows], dtype)

    lives = [(*row[:6], 0, *row[6:]) for row in orders]
    tables = table(QUOTE, quotes), table(TRADE, trades), table(FLOW, flow), table(ORDER, lives, 3)
    return Tape(0.01, 1.0, *tables, ns(np.reshape(sessions, (-1, 2))))


def path(mids: ArrayLike, spread: int = 2, sessions: Sequence[tuple[float, float]] = ()) -> Tape:
    """Return a tape whose mid, in ticks, is the k-th of `mids` from second k on, a session by default."""
    mids = np.asarray(mids, np.int64)
    quotes = np.zeros(len(mids), QUOTE)
    quotes["time_ns"] = ns(np.arange(len(mids)))
    quotes["bid_price_ticks"], quotes["ask_price_ticks"] = mids - spread // 2, mids + spread // 2
    quotes["bid_quantity_lots"] = quotes["ask_quantity_lots"] = 1
    spans = sessions or [(0, len(mids))]
    return Tape(0.01, 1.0, quotes, np.zeros(0, TRADE), np.zeros(0, FLOW), np.zeros(0, ORDER), ns(spans))


def signs(sides: ArrayLike, sessions: Sequence[tuple[float, float]] = ()) -> Tape:
    """Return a tape with a market order a second, of the given sides, and one quote."""
    sides = np.asarray(sides, np.int32)
    flow = np.zeros(len(sides), FLOW)
    flow["time_ns"], flow["kind"], flow["side"], flow["quantity_lots"] = ns(np.arange(len(sides))), MARKET, sides, 1
    quotes = np.array([(0, 99, 101, 1, 1)], QUOTE)
    spans = sessions or [(0, len(sides))]
    return Tape(0.01, 1.0, quotes, np.zeros(0, TRADE), flow, np.zeros(0, ORDER), ns(spans))
