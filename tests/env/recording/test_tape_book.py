"""The levels of a tape, worked out by hand."""

from typing import Any

import numpy as np

from marl_market.env.recording.tape_book import TapeBook
from marl_market.market.tape import FLOW, QUOTE, TRADE, FlowKind, Side, Tape


def tape() -> Tape:
    flow: list[Any] = [
        (1, FlowKind.LIMIT, Side.BUY, 99, 0, 5),
        (2, FlowKind.LIMIT, Side.BUY, 98, 0, 7),
        (3, FlowKind.LIMIT, Side.SELL, 102, 0, 4),
        (4, FlowKind.LIMIT, Side.SELL, 103, 0, 6),
        (5, FlowKind.CANCEL, Side.BUY, 98, 0, 3),
        (6, FlowKind.MARKET, Side.SELL, 98, 0, 6),
        (7, FlowKind.CANCEL, Side.SELL, 105, 0, 9),  # an order from before the tape
    ]
    trades = [(6, 99, Side.SELL, 5), (6, 98, Side.SELL, 1), (6, 101, 0, 8)]
    return Tape(0.01, 1.0, np.zeros(0, QUOTE), np.array(trades, TRADE), np.array(flow, FLOW))


def test_levels_follow_orders_cancels_and_trades() -> None:
    book = TapeBook(tape())
    assert book.levels(Side.BUY, 0, 0, 10) == []
    book.advance(5)
    assert book.levels(Side.BUY, 99, 5, 10) == [(99, 5), (98, 7)]
    assert book.levels(Side.SELL, 102, 4, 10) == [(102, 4), (103, 6)]
    assert book.levels(Side.SELL, 102, 4, 1) == [(102, 4)]
    book.advance(100)
    assert book.levels(Side.BUY, 98, 3, 10) == [(98, 3)]
    assert book.levels(Side.SELL, 102, 4, 10) == [(102, 4), (103, 6)]


def test_the_best_level_is_as_quoted_and_none_is_better() -> None:
    book = TapeBook(tape())
    book.advance(5)
    assert book.levels(Side.BUY, 98, 20, 10) == [(98, 20)]
    assert book.levels(Side.SELL, 101, 1, 10) == [(101, 1), (102, 4), (103, 6)]
