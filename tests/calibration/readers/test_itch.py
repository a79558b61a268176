import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl_market.calibration.readers.itch import NASDAQ_FEES, ItchReader
from marl_market.calibration.readers.itch_messages import LENGTHS
from marl_market.calibration.readers.recorder import Recording
from marl_market.calibration.readers.source import DataError, Source
from marl_market.market.tape import FlowKind, Side
from tests.calibration.readers import itch_file as itch
from tests.calibration.readers.itch_file import OPEN, SECOND

NAME = "01302019.NASDAQ_ITCH50"
HOUR = 3600 * SECOND
LIMIT, CANCEL, MARKET = FlowKind.LIMIT, FlowKind.CANCEL, FlowKind.MARKET
BUY, SELL = Side.BUY, Side.SELL

DAY = [
    itch.system(3 * HOUR, "O"),
    itch.directory(3 * HOUR + 1, "MSFT"),
    itch.directory(3 * HOUR + 2),
    itch.trading(4 * HOUR, "T"),
    itch.system(4 * HOUR, "S"),
    itch.add(8 * HOUR, 1, "B", 300, 1_000_000),
    itch.add(8 * HOUR + 1, 2, "S", 200, 1_000_500),
    itch.add(8 * HOUR + 1, 3, "S", 200, 2_000_500, "MSFT"),
    itch.system(OPEN, "Q"),
    itch.execute_at(OPEN + 1, 1, 100, 1_000_100, "N"),
    itch.cross(OPEN + 1, 5_000, 1_000_100, "O"),
    itch.add(OPEN + 1 * SECOND, 4, "B", 100, 1_000_100),
    itch.add_attributed(OPEN + 2 * SECOND, 5, "S", 100, 1_000_400),
    itch.execute(OPEN + 3 * SECOND, 5, 60),
    itch.execute_at(OPEN + 3 * SECOND, 2, 50, 1_000_600),
    itch.cancel(OPEN + 4 * SECOND, 2, 30),
    itch.replace(OPEN + 5 * SECOND, 4, 6, 200, 1_000_200),
    itch.hidden(OPEN + 6 * SECOND, 70, 1_000_390),
    itch.hidden(OPEN + 6 * SECOND + 1, 80, 1_000_210),
    itch.hidden(OPEN + 6 * SECOND + 2, 90, 1_000_300),
    itch.delete(OPEN + 7 * SECOND, 5),
    itch.broken(OPEN + 8 * SECOND),
    itch.system(16 * HOUR, "M"),
    itch.execute(16 * HOUR + 1, 6, 100),
    itch.cross(16 * HOUR + 2, 900, 1_000_300, "C"),
    itch.system(20 * HOUR, "C"),
]


def read(folder: Path, messages: list[bytes], name: str = NAME, **fields: Any) -> Recording:
    (folder / name).write_bytes(b"".join(messages))
    return ItchReader(**{"stock": "AAPL", "tick_size": 0.01, "lot_size": 1.0, **fields}).read(folder / name)


def rows(table: np.ndarray, *names: str) -> list[tuple[int, ...]]:
    return [tuple(int(row[name]) for name in names) for row in table]


def test_a_day_worked_out_by_hand(tmp_path: Path) -> None:
    recording = read(tmp_path, DAY)
    assert rows(recording.flow, "kind", "side", "price_ticks", "offset_ticks", "quantity_lots") == [
        (LIMIT, BUY, 10001, 4, 100),
        (LIMIT, SELL, 10004, 3, 100),
        (MARKET, BUY, 10006, -2, 110),
        (CANCEL, SELL, 10005, 4, 30),
        (CANCEL, BUY, 10001, 3, 100),
        (LIMIT, BUY, 10002, 2, 200),
        (MARKET, BUY, 10004, 0, 70),
        (MARKET, SELL, 10002, 0, 80),
        (CANCEL, SELL, 10004, 2, 40),
    ]
    assert rows(recording.trades, "price_ticks", "aggressor_side", "quantity_lots") == [
        (10001, 0, 5_000),
        (10004, BUY, 60),
        (10006, BUY, 50),
        (10004, BUY, 70),
        (10002, SELL, 80),
        (10003, 0, 90),
    ]
    assert recording.hidden.tolist() == [False, False, False, True, True, True]
    quotes = rows(recording.quotes, *(recording.quotes.dtype.names or ())[1:])
    assert quotes[0] == (10000, 10005, 300, 200)
    assert quotes[1] == (10000, 10005, 200, 200)
    assert quotes[-1] == (10002, 10005, 200, 120)
    assert recording.fees == NASDAQ_FEES
    assert recording.currency == "USD"


def test_the_summary_of_a_day(tmp_path: Path) -> None:
    summary = read(tmp_path, DAY).summary
    assert summary.to_dict()["noted"] == {
        "messages outside of the market hours": 6,
        "executions whose volume a cross reports": 1,
        "crosses of kind O": 1,
        "hidden executions": 3,
        "broken trades, which stay in the tape": 1,
        "crosses of kind C": 1,
        "messages of other stocks and of the market": 2,
    }
    assert (summary.repaired, summary.left_out, summary.gaps) == ({}, {}, [])
    assert summary.active_ns == 8 * SECOND


def test_the_day_stands_in_the_name_and_times_count_from_its_midnight(tmp_path: Path) -> None:
    recording = read(tmp_path, DAY)
    assert recording.quotes["time_ns"][0] == OPEN
    assert recording.provenance.start == "2019-01-30T09:30:00"
    assert recording.provenance.end == "2019-01-30T09:30:08"
    named = read(tmp_path, DAY, "day.itch")
    assert (named.provenance.start, named.provenance.end) == ("09:30:00", "09:30:08")


def test_extended_hours_are_continuous_trading_where_asked(tmp_path: Path) -> None:
    recording = read(tmp_path, DAY, extended_hours=True, longest_silence=1e9)
    assert recording.flow["time_ns"][0] == 8 * HOUR
    assert recording.trades["time_ns"][-1] == 16 * HOUR + 2


def test_several_days_are_sessions_of_their_own(tmp_path: Path) -> None:
    for name in ("01302019.NASDAQ_ITCH50", "02012019.NASDAQ_ITCH50"):
        (tmp_path / name).write_bytes(b"".join(DAY))
    recording = ItchReader(stock="AAPL").read(str(tmp_path / "*ITCH50"))
    assert recording.sessions.tolist() == [
        [OPEN, OPEN + 8 * SECOND],
        [OPEN + 48 * HOUR, OPEN + 48 * HOUR + 8 * SECOND],
    ]
    assert [gap.reason for gap in recording.summary.gaps] == ["between files"]


def test_the_window_is_a_time_of_day_or_a_date(tmp_path: Path) -> None:
    for start in ("09:30:05", "2019-01-30T09:30:05"):
        recording = read(tmp_path, DAY, start=start, end="09:30:07")
        assert recording.flow["time_ns"].tolist() == [OPEN + 5 * SECOND] * 2 + [
            OPEN + 6 * SECOND,
            OPEN + 6 * SECOND + 1,
        ]


HALTED = [
    *[itch.add(OPEN + order, order, "B", 100, 1_000_000 - 100 * order) for order in range(5)],
    *[itch.add(OPEN + 10 + order, 10 + order, "S", 100, 1_000_100 + 100 * order) for order in range(5)],
    itch.trading(OPEN + 1 * SECOND, "H"),
    itch.trading(OPEN + 2 * SECOND, "Q"),
    itch.add(OPEN + 3 * SECOND, 20, "B", 50, 1_000_300),
    itch.add(OPEN + 3 * SECOND, 21, "S", 50, 999_800),
    itch.execute_at(OPEN + 4 * SECOND, 20, 50, 1_000_000, "N"),
    itch.execute_at(OPEN + 4 * SECOND, 21, 50, 1_000_000, "N"),
    itch.cross(OPEN + 4 * SECOND, 50, 1_000_000, "H"),
    itch.trading(OPEN + 5 * SECOND, "T"),
    itch.delete(OPEN + 6 * SECOND, 4),
]


def test_a_halt_is_a_gap_and_leaves_the_book_as_it_was(tmp_path: Path) -> None:
    recording = read(tmp_path, HALTED)
    assert rows(recording.quotes[-1:], "time_ns", "bid_price_ticks", "ask_price_ticks") == [
        (OPEN + 5 * SECOND, 10000, 10001)
    ]
    assert rows(recording.trades, "aggressor_side", "quantity_lots") == [(0, 50)]
    assert not np.any(recording.flow["kind"] == MARKET)
    assert not np.any((recording.flow["time_ns"] > OPEN + 1 * SECOND) & (recording.flow["time_ns"] < OPEN + 5 * SECOND))
    assert [tuple(gap) for gap in recording.summary.gaps] == [(OPEN + 1 * SECOND, OPEN + 5 * SECOND, "halt")]


def test_an_operational_halt_of_nasdaq_counts_and_that_of_another_market_does_not(tmp_path: Path) -> None:
    halt = [
        *HALTED[:10],
        itch.operational(OPEN + 1 * SECOND, "B", "H"),
        itch.operational(OPEN + 2 * SECOND, "Q", "H"),
        itch.operational(OPEN + 3 * SECOND, "Q", "T"),
        itch.delete(OPEN + 4 * SECOND, 4),
    ]
    assert [tuple(gap) for gap in read(tmp_path, halt).summary.gaps] == [(OPEN + 2 * SECOND, OPEN + 3 * SECOND, "halt")]


def test_a_file_cut_out_of_a_day_leaves_out_what_it_cannot_know(tmp_path: Path) -> None:
    recording = read(tmp_path, [*HALTED[:10], itch.execute(OPEN + SECOND, 99, 10), itch.delete(OPEN + SECOND, 98)])
    left_out = recording.summary.left_out["message of an order that the file never added"]
    assert (left_out.rows, left_out.first) == (2, f"{NAME}, line 11")
    with pytest.raises(DataError, match=r"line 11: message of an order that the file never added"):
        ItchReader(stock="AAPL", strict=True).read(tmp_path / NAME)


def test_the_only_stock_needs_no_name_and_of_several_one_is_chosen(tmp_path: Path) -> None:
    assert len(read(tmp_path, HALTED, stock=None).flow) == 11
    with pytest.raises(ValueError, match=r"stock is None; 01302019.NASDAQ_ITCH50 has orders of AAPL, MSFT: name one"):
        read(tmp_path, DAY, stock=None)
    with pytest.raises(ValueError, match=r"stock is APPL; .* has no message of it: did you mean AAPL"):
        read(tmp_path, DAY, stock="APPL")
    with pytest.raises(ValueError, match=r"stock is X; .* has no message of it: it names AAPL, MSFT"):
        read(tmp_path, DAY, stock="X")


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("end", [b"", b"\0\0"], ids=["end", "end of session"])
def test_files_are_plain_or_compressed_and_end_with_or_without_a_mark(tmp_path: Path, pack: Any, end: bytes) -> None:
    (tmp_path / NAME).write_bytes(pack(b"".join(DAY) + end))
    reader = ItchReader(stock="AAPL", tick_size=0.01, lot_size=1.0)
    assert reader.recognizes(Source(tmp_path / NAME).head())
    assert len(reader.read(tmp_path / NAME).flow) == 9


@pytest.mark.parametrize("cut", [1, 5, 13])
def test_a_truncated_file_names_the_byte(tmp_path: Path, cut: int) -> None:
    whole = b"".join(DAY)
    (tmp_path / NAME).write_bytes(whole[:-cut])
    complaint = f"{NAME}, byte {len(whole) - 14}: found the end of the file {14 - cut} bytes into a message"
    with pytest.raises(DataError, match=complaint):
        ItchReader(stock="AAPL").read(tmp_path / NAME)


def test_a_truncated_gzip_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(gzip.compress(b"".join(DAY))[:-20])
    with pytest.raises(DataError, match=r"expected UTF-8 text, plain or in a whole gzip"):
        ItchReader(stock="AAPL").read(tmp_path / NAME)


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (b"\x00\x24Zxxxxxxxxxxx", "found a message of 36 bytes and type b'Z'; expected one of SRH"),
        (
            b"\x00\x25" + itch.add(OPEN, 1, "B", 1, 1)[2:] + b"x",
            "found a message of 37 bytes and type b'A'; expected 36",
        ),
        (itch.add(OPEN, 9, "X", 1, 10_000), "found the side b'X'; expected B or S"),
    ],
    ids=["type", "length", "side"],
)
def test_a_broken_message_names_its_byte_and_what_was_expected(tmp_path: Path, broken: bytes, complaint: str) -> None:
    with pytest.raises(DataError, match=f"{NAME}, byte {len(HALTED[0])}: {complaint}"):
        read(tmp_path, [HALTED[0], broken])


def test_shuffled_times_are_refused(tmp_path: Path) -> None:
    orders = [itch.add(OPEN + (7 * order % 50) * SECOND, order, "B", 100, 1_000_000) for order in range(50)]
    with pytest.raises(DataError, match=r"50 rows whose time is implausible or out of order"):
        read(tmp_path, orders)


def test_a_file_of_another_format_names_its_reader(tmp_path: Path) -> None:
    (tmp_path / "messages.csv").write_text("34200.0,1,1,100,1000000,1\n")
    with pytest.raises(DataError, match=r"calibration=lobster"):
        ItchReader().read(tmp_path / "messages.csv")
    (tmp_path / "other.bin").write_bytes(bytes(range(256)) * 4)
    with pytest.raises(DataError, match=r"other.bin, byte 0: found a message of 1 bytes"):
        ItchReader(stock="AAPL").read(tmp_path / "other.bin")


def test_every_type_of_message_is_passed_over_or_read(tmp_path: Path) -> None:
    unused = [
        itch.message(kind, OPEN + SECOND, itch.LOCATES["AAPL"], f"{length - 11}s", b"")
        for kind, length in LENGTHS.items()
        if kind not in b"SRHhAFEUCXDPQB"
    ]
    assert len(unused) == 9
    assert len(read(tmp_path, [*HALTED[:10], *unused]).flow) == 10


def test_memory_does_not_grow_with_the_messages_of_other_stocks(tmp_path: Path) -> None:
    def peak(others: int) -> int:
        more = [itch.add(OPEN + order, 100 + order, "B", 1, 1_000_000, "MSFT") for order in range(others)]
        (tmp_path / NAME).write_bytes(b"".join([*HALTED[:10], *more, *HALTED[10:]]))
        tracemalloc.start()
        ItchReader(stock="AAPL").read(tmp_path / NAME)
        return tracemalloc.get_traced_memory()[1]

    assert peak(150_000) < peak(50_000) + 2_000_000
