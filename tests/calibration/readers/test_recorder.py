import pytest

from marl_market.calibration.readers.book_side import BookSide
from marl_market.calibration.readers.recorder import Recorder, Recording, Step, choose_step
from marl_market.market.fees import Fees
from marl_market.market.provenance import Provenance
from marl_market.market.spec import MAXIMUM_PRICE_TICKS
from marl_market.market.tape import FlowKind, Side

PROVENANCE = Provenance("file", "format", "start", "end", 1, "digest")


def finish(recorder: Recorder, tick: Step | None = None) -> Recording:
    return recorder.recording(tick or Step(1, 0.01), Step(1, 1.0), PROVENANCE, Fees(), "USD")


def book(bid: int, ask: int) -> tuple[BookSide, BookSide]:
    bids, asks = BookSide(Side.BUY), BookSide(Side.SELL)
    bids.put(bid, 5)
    asks.put(ask, 7)
    return bids, asks


def test_the_step_is_the_greatest_common_divisor() -> None:
    assert choose_step(None, [1_000_500, 1_000_250, 999_000], 4, "tick_size") == Step(250, 0.025)
    assert choose_step(None, [10, 4, 6], 8, "lot_size") == Step(2, 2e-8)


@pytest.mark.parametrize("given", [0.01, "0.010", 0.05])
def test_a_given_step_that_divides_the_data_is_taken(given: float | str) -> None:
    assert choose_step(given, [1_000_000, 1_000_500], 4, "tick_size").size == float(given)


@pytest.mark.parametrize("given", [0.02, 0.1, 0, -0.01])
def test_a_given_step_that_does_not_raises(given: float) -> None:
    with pytest.raises(ValueError, match=rf"^tick_size is {given}; it must divide 0\.0100, the step found in the data"):
        choose_step(given, [1_000_000, 1_000_100], 4, "tick_size")


def test_a_step_finer_than_the_format_raises() -> None:
    with pytest.raises(ValueError, match=r"^tick_size 0\.00001 is not a whole multiple of 0\.0001$"):
        choose_step("0.00001", [1_000_000], 4, "tick_size")


def test_an_unchanged_best_quote_is_not_quoted_again() -> None:
    recorder = Recorder()
    for time_ns in (1, 2):
        recorder.quote(time_ns, *book(100, 102))
    recorder.quote(3, *book(100, 103))
    assert finish(recorder).quotes.tolist() == [(1, 100, 102, 5, 7), (3, 100, 103, 5, 7)]


def test_offsets_count_from_the_best_quote_of_the_opposite_side() -> None:
    recorder = Recorder()
    recorder.order(0, FlowKind.LIMIT, Side.BUY, 90, 1)
    recorder.quote(1, *book(100, 110))
    for side, price in ((Side.BUY, 97), (Side.BUY, 102), (Side.SELL, 114), (Side.SELL, 109)):
        recorder.order(2, FlowKind.LIMIT, side, price, 1)
    assert finish(recorder).flow["offset_ticks"].tolist() == [0, 13, 8, 14, 9]


def test_fills_of_one_aggressor_at_one_time_are_one_market_order() -> None:
    recorder = Recorder()
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
    recorder = Recorder()
    recorder.quote(0, *book(100, MAXIMUM_PRICE_TICKS))
    recorder.order(1, FlowKind.LIMIT, Side.SELL, MAXIMUM_PRICE_TICKS, 1)
    recorder.order(2, FlowKind.LIMIT, Side.SELL, MAXIMUM_PRICE_TICKS + 1, 1)
    assert finish(recorder).flow["time_ns"].tolist() == [1]
    recorder.quote(3, *book(100, MAXIMUM_PRICE_TICKS + 1))
    with pytest.raises(ValueError, match=r"tick_size is 0\.01; the market trades above"):
        finish(recorder)
