"""Orders and rejections of the seats of a batch in the session so far."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket


class OrderCounts(NamedTuple):
    """Orders of seats over all instruments, int64 arrays.

    Attributes:
        orders: (markets, seats) orders and replacements sent, rejected ones included; no cancels.
        rejections: (markets, seats, reasons) those rejected, by `marl_market.exchange.codes.Reason`.
        ordered_lots: (markets, seats) quantity of the orders that were accepted in the session or open at its open.
        traded_lots: (markets, seats) quantity bought and sold.
    """

    orders: NDArray[np.int64]
    rejections: NDArray[np.int64]
    ordered_lots: NDArray[np.int64]
    traded_lots: NDArray[np.int64]


def order_counts(batch: BatchMarket) -> OrderCounts:
    """Return the counts of every seat of a batch in the session so far."""
    seats = batch.instruments["seat"][..., : batch.environment.seats]
    account, rejections = seats["account"], seats["rejections"].sum(0, dtype=np.int64)
    return OrderCounts(
        orders=account["accepted"].sum(0) + rejections.sum(-1),
        rejections=rejections,
        ordered_lots=account["ordered_lots"].sum(0),
        traded_lots=account["traded_lots"].sum(0),
    )
