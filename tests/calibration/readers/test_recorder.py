import pytest

from marl_market.calibration.readers.book_side import BookSide
from marl_market.calibration.readers.recorder import Recorder, Recording
from marl_market.calibration.readers.source import DataError
from marl_market.calibration.readers.steps import Step
from marl_market.market.fees import Fees
from marl_market.market.provenance import Provenance
from marl_market.market.spec import MAXIMUM_PRICE_TICKS
from marl_market.market.tape import FlowKind, Side

SECOND = 1_000_000_000
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


def gaps(times: list[int], longest_silence: float | None = None) -> list[tuple[int, int, str]]:
    recorder = Recorder(longest_silence=longest_silence)
    for second in times:
        recorder.see(second * SECOND)
    recording = finish(recorder)
    return [(gap.from_ns // SECOND, gap.to_ns // SECOND, gap.reason) for gap in recording.summary.gaps]


def test_a_silence_of_more_than_a_minute_and_twenty_mean_silences_is_an_outage() -> None:
    busy = [*range(100), *range(161, 260)]
    assert gaps(busy) == [(99, 161, "outage")]
    assert gaps(busy, longest_silence=62) == []
    assert gaps([0, 1, 2, 5, 6], longest_silence=2) == [(2, 5, "outage")]
    quiet = [*range(0, 3000, 30), *range(3500, 6000, 30)]
    assert gaps(quiet) == []
    assert gaps([*quiet, 7000]) == [(5990, 7000, "outage")]


def test_nothing_is_joined_across_a_gap() -> None:
    recorder = opened()
    recorder.quote(0, *book(100, 102))
    recorder.trade(0, Side.BUY, 102, 1)
    recorder.gap(0, 5 * SECOND, "halt")
    recorder.see(5 * SECOND)
    recorder.quote(5 * SECOND, *book(100, 102))
    recorder.trade(0, Side.BUY, 102, 1)
    recording = finish(recorder)
    assert recording.quotes["time_ns"].tolist() == [0, 5 * SECOND]
    assert recording.flow["quantity_lots"].tolist() == [1, 1]
    assert recording.sessions.tolist() == [[0, 0], [5 * SECOND, 5 * SECOND]]
    with pytest.raises(DataError, match=r"between files: .* files must not overlap"):
        recorder.gap(5 * SECOND, 4 * SECOND, "between files")
