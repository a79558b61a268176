import gzip
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marl_market.calibration.readers.coinbase import CoinbaseReader
from marl_market.calibration.readers.lobster import NASDAQ_FEES, LobsterReader
from marl_market.calibration.readers.recorder import Recording
from marl_market.calibration.readers.source import DataError
from marl_market.market.tape import FlowKind, Side

AAPL = "lobster/AAPL_2012-06-21_34200000_37800000_message_50.csv.gz"
OFFICIAL_HEAD = "lobster/AAPL_2012-06-21_34200000_57600000_orderbook_10.head998.csv.gz"
OFFICIAL_DAY = "lobster/AAPL_2012-06-21_34200000_57600000_orderbook_1.csv.gz"
NAME = "TOY_2012-06-21_34200000_37800000_message_1.csv"
SECOND = 1_000_000_000
SESSION = """\
34200.0,1,1,100,1000000,1
34200.5,1,2,50,1000300,-1
34201.0,1,3,40,1000100,1
34201.5,1,4,60,1000500,-1
34202.0,4,2,50,1000300,-1
34202.0,4,4,10,1000500,-1
34202.5,2,4,20,1000500,-1
34203.0,3,3,40,1000100,1
34203.5,5,0,7,1000250,1
34204.0,7,0,0,-1,-1
"""
UNHALTED = SESSION.replace("34204.0,7,0,0,-1,-1\n", "")


def read(folder: Path, text: str, name: str = NAME, **fields: Any) -> Recording:
    (folder / name).write_text(text)
    return LobsterReader(**{"tick_size": 0.01, "lot_size": 1.0, **fields}).read(folder / name)


def best_quotes(recording: Recording) -> list[tuple[int, int, int, int]]:
    return [row[1:] for row in recording.quotes.tolist()]


def test_a_session_worked_out_by_hand(tmp_path: Path) -> None:
    recording = read(tmp_path, SESSION, tick_size=None, lot_size=None)
    assert (recording.tick_size, recording.lot_size, recording.currency) == (0.01, 1.0, "USD")
    assert recording.fees == NASDAQ_FEES
    half = SECOND // 2
    assert [(row[0] // half - 68_400, *row[1:]) for row in recording.quotes.tolist()] == [
        (0, 10_000, 0, 100, 0),
        (1, 10_000, 10_003, 100, 50),
        (2, 10_001, 10_003, 40, 50),
        (4, 10_001, 10_005, 40, 60),
        (4, 10_001, 10_005, 40, 50),
        (5, 10_001, 10_005, 40, 30),
        (6, 10_000, 10_005, 100, 30),
    ]
    assert [row[1:] for row in recording.trades.tolist()] == [
        (10_003, Side.BUY, 50),
        (10_005, Side.BUY, 10),
        (10_003, Side.SELL, 7),  # hidden, at the mid of 100.025
    ]
    assert [row[1:] for row in recording.flow.tolist()] == [
        (FlowKind.LIMIT, Side.BUY, 10_000, 0, 100),
        (FlowKind.LIMIT, Side.SELL, 10_003, 3, 50),
        (FlowKind.LIMIT, Side.BUY, 10_001, 2, 40),
        (FlowKind.LIMIT, Side.SELL, 10_005, 4, 60),
        (FlowKind.MARKET, Side.BUY, 10_005, -2, 60),
        (FlowKind.CANCEL, Side.SELL, 10_005, 4, 20),
        (FlowKind.CANCEL, Side.BUY, 10_001, 4, 40),
        (FlowKind.MARKET, Side.SELL, 10_003, 3, 7),
    ]


def test_provenance_says_where_and_when(tmp_path: Path) -> None:
    provenance = read(tmp_path, SESSION).provenance
    assert (provenance.source, provenance.format, provenance.rows) == (NAME, "lobster", 10)
    assert (provenance.start, provenance.end) == ("2012-06-21T09:30:00", "2012-06-21T09:30:04")
    assert read(tmp_path, SESSION, name="renamed.csv").provenance.start == "09:30:00"


def test_times_are_exact_to_the_nanosecond_even_with_digits_of_noise(tmp_path: Path) -> None:
    text = "34200.00426064,1,1,1,100,1\n35821.088778456004,1,2,1,100,1\n86399.999999999,1,3,1,100,1\n"
    assert read(tmp_path, text).flow["time_ns"].tolist() == [34_200_004_260_640, 35_821_088_778_456, 86_399_999_999_999]


def test_orders_from_before_the_file_are_in_the_book_from_its_start(tmp_path: Path) -> None:
    text = "1.0,1,50,5,1000000,1\n2.0,4,7,30,1000200,-1\n3.0,3,7,20,1000200,-1\n4.0,3,8,9,999900,1\n"
    recording = read(tmp_path, text)
    assert best_quotes(recording) == [
        (9_999, 10_002, 9, 50),
        (10_000, 10_002, 5, 50),
        (10_000, 10_002, 5, 20),
        (10_000, 0, 5, 0),
    ]


def test_an_order_sent_out_of_range_enters_where_its_id_says(tmp_path: Path) -> None:
    text = "1.0,1,10,5,1000000,1\n2.0,1,20,5,1000300,-1\n3.0,1,40,5,1000400,-1\n4.0,3,30,6,1000100,-1\n"
    assert best_quotes(read(tmp_path, text)) == [
        (10_000, 0, 5, 0),
        (10_000, 10_003, 5, 5),
        (10_000, 10_001, 5, 6),
        (10_000, 10_003, 5, 5),
    ]


@pytest.mark.parametrize(
    ("proof", "expected"),
    [
        ("3.0,1,3,5,999000,-1", (9_980, 9_990, 2, 5)),
        ("3.0,4,1,1,998000,1", (9_980, 0, 1, 0)),
    ],
    ids=["a sell order below the bid", "an execution below the bid"],
)
def test_an_order_that_a_message_proves_gone_is_dropped(tmp_path: Path, proof: str, expected: tuple[int, ...]) -> None:
    text = f"1.0,1,1,2,998000,1\n2.0,1,2,7,1000000,1\n{proof}\n"
    assert best_quotes(read(tmp_path, text))[-1] == expected


def test_a_cancel_of_more_than_rests_empties_the_level(tmp_path: Path) -> None:
    recording = read(tmp_path, "1.0,1,1,5,1000000,1\n2.0,2,1,9,1000000,1\n3.0,1,2,4,1000100,-1\n")
    assert best_quotes(recording) == [(10_000, 0, 5, 0), (0, 0, 0, 0), (0, 10_001, 0, 4)]


def test_a_hidden_execution_leaves_the_book_alone(tmp_path: Path) -> None:
    recording = read(tmp_path, "1.0,1,1,5,1000000,1\n2.0,5,0,5,1000000,1\n")
    assert best_quotes(recording) == [(10_000, 0, 5, 0)]
    assert recording.trades[["price_ticks", "aggressor_side", "quantity_lots"]].tolist() == [(10_000, Side.SELL, 5)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("34205.0,1,9,100,1000000", "six numbers time,type,order id,size,price,direction"),
        ("34205.0,1,9,100,1000000,1,MPID,1", "six numbers"),
        ("34205.0,1,9,ten,1000000,1", "six numbers"),
        ("noon,1,9,100,1000000,1", "six numbers"),
        ("nan,1,9,100,1000000,1", "six numbers"),
        ("inf,1,9,100,1000000,1", "six numbers"),
        ("34205.0,8,9,100,1000000,1", "a message type from 1 to 7"),
        ("34205.0,1,9,-100,1000000,1", "a size and a price above zero"),
        ("34205.0,1,9,100,0,1", "a size and a price above zero"),
        ("34205.0,1,9,100,1000000,0", r"a direction of 1 \(buy\) or -1 \(sell\)"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, expected: str) -> None:
    with pytest.raises(DataError, match=rf"^{NAME}, line 11: found '{line}'; expected {expected}"):
        read(tmp_path, SESSION + line + "\n")


VARIANTS = {
    "a seventh column": lambda line: line + ",MPID",
    "an empty seventh column": lambda line: line + ",",
    "a trailing blank line": lambda line: line + "\n",
    "pandas": lambda line: ",".join(str(float(field)) for field in line.split(",")),
    "nanoseconds": lambda line: f"{round(float(line.split(',')[0]) * SECOND)},{line.partition(',')[2]}",
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_a_file_written_another_way_reads_alike(tmp_path: Path, variant: Callable[[str], str]) -> None:
    text = "\n".join(variant(line) for line in SESSION.splitlines())
    assert read(tmp_path, text).digest() == read(tmp_path, SESSION).digest()


@pytest.mark.parametrize(
    "head", ["\ufeff", "Time,Type,OrderID,Size,Price,Direction\n"], ids=["byte order mark", "header"]
)
def test_a_byte_order_mark_and_a_header_are_passed_over(tmp_path: Path, head: str) -> None:
    assert read(tmp_path, head + SESSION).digest() == read(tmp_path, SESSION).digest()


def test_since_july_2014_the_quote_rule_signs_hidden_executions(tmp_path: Path) -> None:
    text = (
        "1.0,1,1,5,1000000,1\n1.0,1,2,5,1000400,-1\n"
        "2.0,5,0,1,1000300,1\n3.0,5,0,1,1000100,1\n4.0,5,0,1,1000200,1\n"
        "5.0,5,0,1,1000100,1\n5.0,4,2,1,1000400,-1\n"
    )
    recording = read(tmp_path, text, name="TOY_2014-07-14_1_2_message_1.csv")
    assert recording.trades["aggressor_side"].tolist() == [1, -1, 0, 1, 1]
    assert recording.hidden.tolist() == [True, True, True, True, False]
    market = recording.flow[recording.flow["kind"] == FlowKind.MARKET]
    assert market[["side", "quantity_lots"]].tolist() == [(1, 1), (-1, 1), (1, 2)]  # the last: one sweep of both
    assert recording.summary.noted["hidden executions at the mid, of an unknown side"] == 1
    earlier = read(tmp_path, text, name="TOY_2014-07-13_1_2_message_1.csv")
    assert earlier.trades["aggressor_side"].tolist() == [-1, -1, -1, -1, 1]


def test_a_halt_is_a_gap_and_its_cross_is_no_order_flow(tmp_path: Path) -> None:
    text = (
        "1.0,1,1,5,999900,1\n1.0,1,2,5,1000000,1\n1.0,1,3,5,1000100,-1\n1.0,1,4,5,1000400,-1\n"
        "2.0,7,0,0,-1,-1\n3.0,1,5,5,1000300,1\n3.0,1,6,5,999800,-1\n4.0,7,0,0,0,-1\n"
        "5.0,6,-1,5,1000000,-1\n5.0,4,5,5,1000300,1\n5.0,4,6,5,999800,-1\n6.0,7,0,0,1,-1\n7.0,1,7,5,999700,1\n"
    )
    recording = read(tmp_path, text)
    assert best_quotes(recording)[-1] == (10_000, 10_001, 5, 5)
    assert recording.sessions.tolist() == [[SECOND, 2 * SECOND], [6 * SECOND, 7 * SECOND]]
    assert len(recording.trades) == 0
    assert len(recording.flow) == 5
    assert recording.summary.to_dict()["gaps"] == {"halt": {"count": 1, "seconds": 4.0, "share": 4 / 6}}


def test_a_file_in_disorder_raises_and_one_late_row_is_left_out(tmp_path: Path) -> None:
    late = "34203.9,1,9,100,1000000,1\n"
    assert read(tmp_path, SESSION + late).digest() == read(tmp_path, SESSION).digest()
    with pytest.raises(DataError, match="line 11: found '2 of 12 rows whose time is implausible or out of order"):
        read(tmp_path, SESSION + late * 2)
    with pytest.raises(DataError, match=r"line 11: time more than 0 s before .* strict=true allows none"):
        read(tmp_path, SESSION + late, strict=True)


def test_an_order_at_or_through_live_orders_never_rested(tmp_path: Path) -> None:
    text = (
        "1.0,1,1,9,1000200,-1\n1.0,1,2,5,999900,1\n"
        "2.0,1,3,5,1000300,1\n2.0,3,3,5,1000300,1\n"  # refused at once, since it would take
        "3.0,1,4,5,1000300,1\n3.0,4,1,5,1000200,-1\n3.0,4,4,5,1000200,1\n"  # takes; both sides are written
        "4.0,4,1,4,1000200,-1\n5.0,1,5,1,1000000,1\n"
    )
    recording = read(tmp_path, text)
    assert best_quotes(recording) == [
        (0, 10_002, 0, 9), (9_999, 10_002, 5, 9), (9_999, 10_002, 5, 4), (9_999, 0, 5, 0), (10_000, 0, 1, 0),
    ]  # fmt: skip
    assert recording.trades["aggressor_side"].tolist() == [1, 1]
    assert recording.trades["quantity_lots"].tolist() == [5, 4]
    assert recording.flow["kind"].tolist() == [FlowKind.LIMIT] * 2 + [FlowKind.MARKET] * 2 + [FlowKind.LIMIT]
    summary = recording.summary.to_dict()
    assert summary["repaired"] == {}
    assert {reason: count["rows"] for reason, count in summary["left_out"].items()} == {
        "order sent at or through orders that rest on": 4
    }
    with pytest.raises(DataError, match="line 3: order sent at or through orders that rest on"):
        read(tmp_path, text, strict=True)


def test_deletions_at_the_last_instant_do_not_show_that_an_order_was_alive(tmp_path: Path) -> None:
    text = "1.0,1,1,9,1000200,-1\n2.0,1,2,5,1000300,1\n3.0,3,1,9,1000200,-1\n3.0,3,2,5,1000300,1\n"
    recording = read(tmp_path, text)
    assert best_quotes(recording)[1] == (10_003, 0, 5, 0)
    assert (
        recording.summary.repaired["level proved gone"].first
        == "TOY_2012-06-21_34200000_37800000_message_1.csv, line 2"
    )


def named(day: str, ticker: str = "TOY") -> str:
    return f"{ticker}_{day}_34200000_57600000_message_10.csv"


def test_the_days_of_a_pattern_are_sessions_of_one_recording(tmp_path: Path) -> None:
    one = read(tmp_path, SESSION, named("2012-06-21"))
    (tmp_path / named("2012-06-25")).write_text(SESSION)
    days = LobsterReader(tick_size=0.01, lot_size=1.0).read(tmp_path / "TOY_*.csv")
    apart = 4 * 86_400 * SECOND
    assert days.sessions.tolist() == [*one.sessions.tolist(), *(one.sessions + apart).tolist()]
    for table in ("quotes", "trades", "flow"):
        once, both = getattr(one, table), getattr(days, table)
        assert both["time_ns"].tolist() == [*once["time_ns"].tolist(), *(once["time_ns"] + apart).tolist()]
    assert (days.provenance.start, days.provenance.end) == ("2012-06-21T09:30:00", "2012-06-25T09:30:04")
    assert days.summary.rows == 2 * one.summary.rows
    (tmp_path / named("2012-06-26", "TOYS")).write_text(SESSION)
    with pytest.raises(DataError, match="the files must be of one ticker"):
        LobsterReader().read(tmp_path / "TOY*.csv")


def test_files_without_a_date_follow_each_other_where_the_time_of_day_falls(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(UNHALTED)
    days = LobsterReader(tick_size=0.01, lot_size=1.0).read([tmp_path / "b", tmp_path / "a"])
    assert (days.sessions[:, 0] // SECOND).tolist() == [34_200, 34_200 + 86_400]


@pytest.mark.parametrize(
    ("start", "end", "rows", "passed"),
    [
        ("09:30:01", "09:30:03", 5, 5),
        ("2012-06-21T09:30:01", "2012-06-21T09:30:03", 5, 5),
        (None, "2012-06-21T09:30:01", 2, 8),
        ("09:30:04", None, 0, 9),
    ],
)
def test_start_and_end_choose_a_part_with_the_book_as_it_was(
    tmp_path: Path, start: str | None, end: str | None, rows: int, passed: int
) -> None:
    recording = read(tmp_path, SESSION, start=start, end=end)
    whole = read(tmp_path, SESSION)
    inside = [row for row in whole.flow.tolist() if row in recording.flow.tolist()]
    assert recording.flow.tolist() == inside
    assert recording.summary.passed_over["outside of start and end"].rows == passed
    if start == "09:30:01":
        # The sell order of before the start is known when it is executed.
        assert best_quotes(recording)[0] == (10_001, 10_003, 40, 50)
        assert recording.provenance.start == "2012-06-21T09:30:01"
    with pytest.raises(DataError, match="no message of the file is inside of start and end"):
        read(tmp_path, SESSION, start="10:00")


def test_a_constant_direction_is_found_in_a_file_without_a_date_and_in_an_earlier_one(tmp_path: Path) -> None:
    book = "1.0,1,1,5,1000000,1\n1.0,1,2,5,1000400,-1\n"
    above = "2.0,5,0,1,1000300,1\n"
    assert read(tmp_path, book + above * 2, "file").trades["aggressor_side"].tolist() == [1, 1]
    assert read(tmp_path, book + above, "file").trades["aggressor_side"].tolist() == [-1]
    assert set(read(tmp_path, book + above * 9).trades["aggressor_side"].tolist()) == {-1}
    assert set(read(tmp_path, book + above * 10).trades["aggressor_side"].tolist()) == {1}
    mixed = above * 10 + "3.0,5,0,1,1000100,-1\n"
    assert read(tmp_path, book + mixed).trades["aggressor_side"].tolist() == [-1] * 10 + [1]


def test_crosses_and_ids_below_zero_are_no_continuous_trades(tmp_path: Path) -> None:
    text = (
        "1.0,1,1,5,1000000,1\n1.0,1,2,5,1000400,-1\n"
        "2.0,6,-1,123457,1000200,1\n2.005,4,1,2,1000000,1\n"  # of another price than the cross
        "3.0,4,-2,700,1000400,-1\n3.005,4,2,1,1000400,-1\n3.02,4,2,1,1000400,-1\n"
    )
    recording = read(tmp_path, text, lot_size=None)
    assert recording.lot_size == 1.0
    assert recording.trades.tolist() == [
        (round(2.005 * SECOND), 10_000, Side.SELL, 2), (round(3.02 * SECOND), 10_004, Side.BUY, 1),
    ]  # fmt: skip
    assert recording.summary.noted == {"auction crosses": 2, "visible executions in auction crosses": 1}
    assert best_quotes(recording)[-1] == (10_000, 10_004, 3, 3)
    odd = "1.0,1,1,20,1000000,1\n1.0,1,2,10,1000400,-1\n2.0,6,-1,123456,1000200,1\n"
    assert read(tmp_path, odd, lot_size=None).lot_size == 10.0


def test_a_given_tick_wins_over_the_common_divisor_with_a_count_of_what_it_rounds(tmp_path: Path) -> None:
    text = UNHALTED + "34204.0,1,9,10,999950,1\n34204.0,1,10,10,1000650,-1\n"
    assert read(tmp_path, text, tick_size=None).tick_size == 0.005
    recording = read(tmp_path, text, tick_size=0.01)
    assert recording.flow["price_ticks"].tolist()[-2:] == [9_999, 10_007]
    assert recording.summary.repaired["price rounded to tick_size 0.01"].rows == 2


def test_the_order_book_file_is_told_from_the_messages(tmp_path: Path) -> None:
    name = "TOY_2012-06-21_34200000_57600000_orderbook_1.csv"
    with pytest.raises(DataError, match=r"line 1: .*; this is the order book file .* which is not needed"):
        read(tmp_path, "1000300,50,1000000,100\n1000300,50,1000100,40\n", name)


def test_a_file_of_another_format_names_its_reader(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected lobster messages; these are bars: calibration=bars"):
        read(tmp_path, "date,close\n2024-01-02,10\n")
    (tmp_path / "messages").write_text(SESSION)
    with pytest.raises(DataError, match="expected coinbase messages; these are lobster: calibration=lobster"):
        CoinbaseReader().read(tmp_path / "messages")


@pytest.mark.parametrize("text", ["", "34200.0,7,0,0,-1,-1\n", "34200.0,5,0,7,1000250,1\n"])
def test_a_file_without_visible_orders_raises(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"found 'the end of the file'; expected a message .* of a visible order"):
        read(tmp_path, text)


MESSAGES = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([1, 1, 2, 3, 4, 5]),
        st.integers(1, 12),
        st.integers(1, 9),
        st.integers(1, 9),
        st.sampled_from([1, -1]),
    ),
    min_size=1,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=MESSAGES.filter(lambda rows: any(row[1] < 5 for row in rows)))
def test_the_best_quotes_never_cross_and_time_never_falls_whatever_the_messages(
    tmp_path: Path, messages: list[tuple[int, ...]]
) -> None:
    times = np.cumsum([message[0] for message in messages])
    lines = (f"{time}.0,{','.join(map(str, message[1:]))}" for time, message in zip(times, messages, strict=True))
    recording = read(tmp_path, "\n".join(lines), tick_size=0.0001)
    quotes = recording.quotes
    both = (quotes["bid_quantity_lots"] > 0) & (quotes["ask_quantity_lots"] > 0)
    assert (quotes["bid_price_ticks"] < quotes["ask_price_ticks"])[both].all()
    for table in (quotes, recording.trades, recording.flow):
        assert (np.diff(table["time_ns"]) >= 0).all()
    kind = recording.flow["kind"]
    assert recording.flow["quantity_lots"][kind == FlowKind.MARKET].sum() == recording.trades["quantity_lots"].sum()
    assert np.isin(kind, [FlowKind.LIMIT, FlowKind.CANCEL]).sum() + len(recording.trades) == recording.summary.used


@pytest.fixture(scope="module")
def aapl(data: Callable[[str], Path]) -> Recording:
    return LobsterReader().read(data(AAPL))


def official_best_quotes(path: Path) -> list[tuple[int, int, int, int]]:
    """Return the distinct successive best quotes of an official order book file, as a quote row has them."""
    with gzip.open(path, "rt") as stream:
        rows = [tuple(map(int, line.split(",")[:4])) for line in stream]
    best = [(bid // 100, ask // 100, bid_size, ask_size) for ask, ask_size, bid, bid_size in rows]
    return [best[0]] + [after for before, after in pairwise(best) if after != before]


def test_the_hour_of_aapl_has_its_published_shape(aapl: Recording) -> None:
    rows = aapl.provenance.rows
    assert rows == 91_997
    assert (aapl.tick_size, aapl.lot_size) == (0.01, 1.0)
    count = {kind: int((aapl.flow["kind"] == kind).sum()) for kind in FlowKind}
    assert count[FlowKind.LIMIT] / rows == pytest.approx(0.481, abs=0.0005)
    assert count[FlowKind.CANCEL] / rows == pytest.approx(0.451, abs=0.0005)
    assert len(aapl.trades) / rows == pytest.approx(0.044 + 0.024, abs=0.001)
    assert np.median(aapl.flow["quantity_lots"][aapl.flow["kind"] == FlowKind.LIMIT]) == 100


def test_the_best_quotes_of_aapl_are_the_official_ones(aapl: Recording, data: Callable[[str], Path]) -> None:
    # The first quote shows the orders from before the first message; official files start after it.
    rebuilt = best_quotes(aapl)[1:]
    head = official_best_quotes(data(OFFICIAL_HEAD))
    assert len(head) == 485
    assert rebuilt[: len(head)] == head
    day = official_best_quotes(data(OFFICIAL_DAY))
    assert rebuilt[:15_999] == day[:15_999]
    known = set(day)
    assert np.mean([row in known for row in rebuilt]) > 0.999
