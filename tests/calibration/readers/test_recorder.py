import pytest

from marl_market.calibration.readers.book_side import BookSide
from marl_market.calibration.readers.recorder import Recorder, Recording
from marl_market.calibration.readers.steps import Step
from marl_market.market.fees import Fees
from marl_market.market.provenance import Provenance
from marl_market.market.spec import MAXIMUM_PRICE_TICKS
from marl_market.market.tape import FlowKind, Side

PROVENANCE = Provenance("file", "format", "start", "end", 1, "digest")


def finish(recorder: Recorder, tick: Step | None = None) -> Recording:
    return recorder.recording(tick or Step(1, 0.01), Step(1, 1.0), PROVENANCE, Fees(), "USD")


def opened() -> Recorder:
    recorder = Recorder()
    recorder.see(0)
    return recorder


def book(bid: int, ask: int) -> tuple[BookSide, BookSide]:
    bids, asks = BookSide(Side.BUY), BookSide(Side.SELL)
    bids.put(bid, 5)
    asks.put(ask, 7)
    return bids, asks


def test_an_unchanged_best_quote_is_not_quoted_again() -> None:
    recorder = opened()
    for time_ns in (1, 2):
        recorder.quote(time_ns, *book(100, 102))
    recorder.quote(3, *book(100, 103))
    assert finish(recorder).quotes.tolist() == [(1, 100, 102, 5, 7), (3, 100, 103, 5, 7)]


def test_offsets_count_from_the_best_quote_of_the_opposite_side() -> None:
    recorder = opened()
    recorder.order(0, FlowKind.LIMIT, Side.BUY, 90, 1)
    recorder.quote(1, *book(100, 110))
    for side, price in ((Side.BUY, 97), (Side.BUY, 102), (Side.SELL, 114), (Side.SELL, 109)):
        recorder.order(2, FlowKind.LIMIT, side, price, 1)
    assert finish(recorder).flow["offset_ticks"].tolist() == [0, 13, 8, 14, 9]


def test_fills_of_one_aggressor_at_one_time_are_one_market_order() -> None:
    recorder = opened()
    recorder.quote(0, *book(100, 110))
    for fill in ((1, Side.BUY, 110, 7), (1, Side.BUY, 112, 3), (1, Side.SELL, 100, 2), (2, Side.SELL, 100, 3)):
        recorder.trade(*fill)
    recording = finish(recorder)
    assert len(recording.trades) == 4
    assert recording.flow[["time_ns", "side", "price_ticks", "offset_ticks", "quantity_lots"]].tolist() == [
        (1, Side.BUY, 112, -2, 10),
        (1, Side.SELL, 100, 0, 2),
        (2, Side.SELL, 100, 0, 3),
    ]


def test_orders_beyond_the_largest_price_are_left_out_but_a_best_quote_there_raises() -> None:
    recorder = opened()
    recorder.quote(0, *book(100, MAXIMUM_PRICE_TICKS))
    recorder.order(1, FlowKind.LIMIT, Side.SELL, MAXIMUM_PRICE_TICKS, 1)
    recorder.order(2, FlowKind.LIMIT, Side.SELL, MAXIMUM_PRICE_TICKS + 1, 1)
    assert finish(recorder).flow["time_ns"].tolist() == [1]
    recorder.quote(3, *book(100, MAXIMUM_PRICE_TICKS + 1))
    with pytest.raises(ValueError, match=r"tick_size is 0\.01; the market trades above"):
        finish(recorder)
