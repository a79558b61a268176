import csv
import gzip
import importlib.util
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl_market.calibration.readers.databento import DatabentoReader
from marl_market.calibration.readers.databento_rows import UNDEFINED_PRICE
from marl_market.calibration.readers.recorder import Recording
from marl_market.calibration.readers.source import DataError
from marl_market.calibration.targets import order_flow
from marl_market.market.tape import FlowKind, Side

ES = "databento_mbo/ESH4_20231225_mbo.csv.gz"
COLUMNS = "ts_event,ts_recv,action,side,price,size,order_id,flags,sequence"
SECOND = 1_000_000_000
BEGIN = 1_703_545_200 * SECOND
LAST, TOP, SNAPSHOT = 128, 64, 40
LIMIT, CANCEL, MARKET = FlowKind.LIMIT, FlowKind.CANCEL, FlowKind.MARKET
BUY, SELL = Side.BUY, Side.SELL

Given = tuple[float, str, str, float | str, int, int, int]

BOOK: list[Given] = [
    (-900, "R", "N", "", 0, 0, SNAPSHOT),
    (-900, "A", "B", 100.00, 5, 1, SNAPSHOT),
    (-900, "A", "B", 99.75, 7, 2, SNAPSHOT),
    (-900, "A", "A", 100.25, 3, 3, SNAPSHOT),
    (-900, "A", "A", 100.50, 9, 4, SNAPSHOT),
]


def lines(rows: list[Given]) -> str:
    text = [
        f"{BEGIN + round(time * SECOND)},{BEGIN + round(time * SECOND) + 500},{action},{side},{price},{size},"
        f"{order},{flags},0"
        for time, action, side, price, size, order, flags in rows
    ]
    return "\n".join([COLUMNS, *text]) + "\n"


def read(folder: Path, rows: list[Given], name: str = "mbo.csv", **fields: Any) -> Recording:
    (folder / name).write_text(lines(rows))
    return DatabentoReader(**{"tick_size": 0.25, "lot_size": 1, **fields}).read(folder / name)


def flow(recording: Recording) -> list[tuple[int, ...]]:
    names = ("kind", "side", "price_ticks", "offset_ticks", "quantity_lots")
    return [tuple(int(row[name]) for name in names) for row in recording.flow]


def trades(recording: Recording) -> list[tuple[int, ...]]:
    return [tuple(int(row[name]) for name in (recording.trades.dtype.names or ())[1:]) for row in recording.trades]


def quotes(recording: Recording) -> list[tuple[int, ...]]:
    return [tuple(int(row[name]) for name in (recording.quotes.dtype.names or ())[1:]) for row in recording.quotes]


def test_a_snapshot_is_the_book_and_no_order(tmp_path: Path) -> None:
    recording = read(tmp_path, [*BOOK, (1, "A", "B", 100.00, 2, 9, LAST)])
    assert flow(recording) == [(LIMIT, BUY, 400, 1, 2)]
    assert quotes(recording) == [(400, 401, 5, 3), (400, 401, 7, 3)]
    # The book of the snapshot holds from the first row on, not from the snapshot's own time.
    assert recording.sessions.tolist() == [[BEGIN + SECOND, BEGIN + SECOND]]


def test_an_aggressor_that_fills_two_orders_is_one_market_order_and_no_cancel(tmp_path: Path) -> None:
    sweep: list[Given] = [
        (1, "T", "B", 100.25, 3, 50, 0),
        (1, "F", "A", 100.25, 3, 3, 0),
        (1, "T", "B", 100.50, 4, 50, 0),
        (1, "F", "A", 100.50, 4, 4, 0),
        (1, "C", "A", 100.25, 3, 3, 0),
        (1, "M", "A", 100.50, 5, 4, LAST),
        (2, "A", "A", 100.25, 1, 9, LAST),
    ]
    recording = read(tmp_path, [*BOOK, *sweep])
    assert flow(recording) == [(MARKET, BUY, 402, -1, 7), (LIMIT, SELL, 401, 1, 1)]
    assert trades(recording) == [(401, BUY, 3), (402, BUY, 4)]
    assert quotes(recording) == [(400, 401, 5, 3), (400, 402, 5, 5), (400, 401, 5, 1)]


def test_a_trade_without_fills_counts_whole(tmp_path: Path) -> None:
    recording = read(tmp_path, [*BOOK, (1, "T", "A", 100.00, 2, 0, 0), (1, "C", "B", 100.00, 2, 1, LAST)])
    assert trades(recording) == [(400, SELL, 2)]


def test_what_a_cancel_takes_beyond_the_fills_is_a_cancel(tmp_path: Path) -> None:
    rows: list[Given] = [
        (1, "T", "A", 100.00, 2, 50, 0),
        (1, "F", "B", 100.00, 2, 1, 0),
        (1, "C", "B", 100.00, 5, 1, LAST),
    ]
    assert flow(read(tmp_path, [*BOOK, *rows])) == [(MARKET, SELL, 400, 0, 2), (CANCEL, BUY, 400, 1, 3)]


def test_a_resting_order_modified_into_an_aggressor_is_a_cancel_and_a_market_order(tmp_path: Path) -> None:
    rows: list[Given] = [
        (1, "T", "B", 100.25, 3, 1, 0),
        (1, "F", "B", 100.25, 3, 1, 0),
        (1, "F", "A", 100.25, 3, 3, 0),
        (1, "M", "B", 100.25, 2, 1, 0),
        (1, "C", "A", 100.25, 3, 3, LAST),
    ]
    recording = read(tmp_path, [*BOOK, *rows])
    assert flow(recording) == [(MARKET, BUY, 401, 0, 3), (CANCEL, BUY, 400, 1, 5), (LIMIT, BUY, 401, 0, 2)]
    assert trades(recording) == [(401, BUY, 3)]
    assert quotes(recording)[-1] == (401, 402, 2, 9)


@pytest.mark.parametrize(
    ("price", "size", "expected"),
    [
        (100.00, 3, [(CANCEL, BUY, 400, 1, 2)]),
        (100.00, 8, [(CANCEL, BUY, 400, 1, 5), (LIMIT, BUY, 400, 1, 8)]),
        (99.75, 5, [(CANCEL, BUY, 400, 1, 5), (LIMIT, BUY, 399, 2, 5)]),
        (99.50, 2, [(CANCEL, BUY, 400, 1, 5), (LIMIT, BUY, 398, 3, 2)]),
        (100.00, 5, []),
    ],
    ids=["less", "more", "moved", "moved and less", "the same"],
)
def test_a_modification_keeps_its_place_only_with_less_at_its_price(
    tmp_path: Path, price: float, size: int, expected: list[Any]
) -> None:
    assert flow(read(tmp_path, [*BOOK, (1, "M", "B", price, size, 1, LAST)])) == expected


def test_new_quantity_of_a_filled_iceberg_is_a_limit_order(tmp_path: Path) -> None:
    rows: list[Given] = [
        (1, "T", "A", 100.00, 6, 50, 0),
        (1, "F", "B", 100.00, 6, 1, 0),
        (1, "M", "B", 100.00, 5, 1, LAST),
    ]
    recording = read(tmp_path, [*BOOK, *rows])
    assert flow(recording) == [(MARKET, SELL, 400, 0, 6), (LIMIT, BUY, 400, 1, 5)]
    assert quotes(recording)[-1] == (400, 401, 5, 3)


def test_quotes_are_those_between_events_with_flags_or_without(tmp_path: Path) -> None:
    def rows(last: int) -> list[Given]:
        return [
            *BOOK,
            (1, "C", "B", 100.00, 5, 1, 0),
            (1, "A", "B", 100.00, 6, 8, last),
            (2, "C", "A", 100.25, 3, 3, last),
            (3, "A", "A", 101.00, 3, 9, last),
        ]

    expected = [(400, 401, 5, 3), (400, 401, 6, 3), (400, 402, 6, 9)]
    assert quotes(read(tmp_path, rows(LAST))) == quotes(read(tmp_path, rows(0))) == expected


AUCTION: list[Given] = [
    *BOOK,
    (-60, "A", "B", 101.00, 4, 10, LAST),
    (-30, "A", "A", 100.25, 1, 11, LAST),
    (0, "T", "N", 100.25, 4, 0, 0),
    (0, "F", "N", 100.25, 4, 10, 0),
    (0, "F", "N", 100.25, 3, 3, 0),
    (0, "F", "N", 100.25, 1, 11, 0),
    (0, "C", "B", 101.00, 4, 10, 0),
    (0, "C", "A", 100.25, 3, 3, 0),
    (0, "C", "A", 100.25, 1, 11, LAST),
    (1, "A", "A", 100.25, 2, 12, LAST),
]


def test_an_opening_auction_is_a_trade_without_side_and_the_tape_begins_with_it(tmp_path: Path) -> None:
    recording = read(tmp_path, AUCTION)
    assert trades(recording) == [(401, 0, 4)]
    assert flow(recording) == [(LIMIT, SELL, 401, 1, 2)]
    assert quotes(recording) == [(400, 402, 5, 9), (400, 401, 5, 2)]
    assert recording.summary.noted == {"rows before the opening call auction": 3, "trades without an aggressor": 1}
    assert recording.sessions.tolist() == [[BEGIN, BEGIN + SECOND]]


def test_a_crossed_book_within_a_day_is_a_gap(tmp_path: Path) -> None:
    rows: list[Given] = [
        *BOOK,
        (-9, "T", "A", 100.00, 1, 50, 0),
        (-9, "F", "B", 100.00, 1, 1, 0),
        (-9, "M", "B", 100.00, 4, 1, LAST),
        *[row for row in AUCTION[len(BOOK) :] if row[0] >= 0],
    ]
    crossing: list[Given] = [(-5, "A", "B", 101.00, 4, 10, LAST), (-4, "A", "A", 100.25, 1, 11, LAST)]
    recording = read(tmp_path, [*rows[:8], *crossing, *rows[8:]])
    assert [tuple(gap)[:2] for gap in recording.summary.gaps] == [(BEGIN - 5 * SECOND, BEGIN)]
    # The order that crosses is the last of the session; those while the book is crossed are none.
    assert flow(recording) == [(MARKET, SELL, 400, 0, 1), (LIMIT, BUY, 404, -3, 4), (LIMIT, SELL, 401, 1, 2)]
    assert all(bid < ask for bid, ask, *_ in quotes(recording))


def test_a_trade_proves_stale_orders_gone(tmp_path: Path) -> None:
    rows: list[Given] = [
        (1, "A", "B", 101.00, 4, 10, LAST),  # its cancel was lost
        (2, "T", "B", 100.50, 1, 50, 0),
        (2, "F", "A", 100.50, 1, 4, 0),
        (2, "M", "A", 100.50, 8, 4, LAST),
        (3, "T", "A", 100.00, 1, 51, 0),
        (3, "F", "B", 100.00, 1, 1, 0),
        (3, "M", "B", 100.00, 4, 1, LAST),
    ]
    recording = read(tmp_path, [*BOOK, *rows])
    assert quotes(recording)[-1] == (400, 402, 4, 8)
    assert recording.summary.repaired["order that a trade at a worse price proves gone"].rows == 2
    with pytest.raises(DataError, match=r"mbo.csv, line 8: order that a trade"):
        read(tmp_path, [*BOOK, *rows], strict=True)


def test_a_snapshot_within_a_file_is_a_gap(tmp_path: Path) -> None:
    first: list[Given] = [*BOOK, (1, "A", "B", 100.00, 2, 9, LAST)]
    again: list[Given] = [(5, *row[1:]) for row in BOOK]
    recording = read(tmp_path, [*first, *again, (6, "A", "A", 100.25, 2, 12, LAST)])
    assert [tuple(gap) for gap in recording.summary.gaps] == [(BEGIN + SECOND, BEGIN + 6 * SECOND, "book sent again")]
    assert quotes(recording) == [(400, 401, 5, 3), (400, 401, 7, 3), (400, 401, 5, 3), (400, 401, 5, 5)]
    without_clearing = read(tmp_path, [*first, *again[1:], (6, "A", "A", 100.25, 2, 12, LAST)])
    assert quotes(without_clearing) == quotes(recording)


def test_rows_of_best_quotes_replace_their_side(tmp_path: Path) -> None:
    rows: list[Given] = [
        (1, "A", "B", 100.25, 4, 0, TOP),
        (1, "A", "A", 100.50, 6, 0, TOP | LAST),
        (2, "A", "A", "", 0, 0, TOP | LAST),
    ]
    recording = read(tmp_path, [*BOOK, *rows])
    assert quotes(recording)[1:] == [(401, 402, 4, 6), (401, 0, 4, 0)]
    assert not flow(recording)


@pytest.mark.parametrize("undefined", ["", UNDEFINED_PRICE, "9223372036.854775807"])
def test_an_undefined_price_is_none(tmp_path: Path, undefined: Any) -> None:
    rows: list[Given] = [(1, "A", "B", undefined, 4, 10, LAST), (2, "A", "B", 100.00, 4, 11, LAST)]
    recording = read(tmp_path, [*BOOK, *rows])
    assert flow(recording) == [(LIMIT, BUY, 400, 1, 4)]
    assert recording.summary.left_out["order without a side, a price or a size"].first == "mbo.csv, line 7"


def test_prices_are_decimals_or_whole_units_of_a_billionth(tmp_path: Path) -> None:
    rows: list[Given] = [*BOOK, (1, "A", "B", 100.00, 2, 9, LAST)]
    units = [(*row[:3], round(float(row[3]) * 10**9) if row[3] != "" else UNDEFINED_PRICE, *row[4:]) for row in rows]
    assert quotes(read(tmp_path, units)) == quotes(read(tmp_path, rows))  # type: ignore[arg-type]


def test_times_may_be_written_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "ts_recv,ts_event,rtype,action,side,price,size,order_id,flags,symbol\n"
        "2023-12-25T23:00:00.000000700Z,2023-12-25T23:00:00.000000500Z,160,A,B,100.000000000,2,9,128,ESH4\n"
        "2023-12-25T23:00:01.000000700Z,2023-12-25 23:00:01+00:00,160,A,A,100.250000000,2,8,128,ESH4\n"
    )
    recording = DatabentoReader().read(tmp_path / "a.csv")
    assert recording.flow["time_ns"].tolist() == [BEGIN + 500, BEGIN + SECOND]
    assert (recording.tick_size, recording.lot_size) == (0.25, 2.0)


def test_unknown_orders_are_counted(tmp_path: Path) -> None:
    rows: list[Given] = [
        (1, "C", "B", 100.00, 4, 77, LAST),
        (2, "M", "B", 99.75, 4, 78, LAST),
        (3, "A", "B", 99.50, 1, 2, LAST),
        (4, "C", "B", 100.00, 99, 1, LAST),
    ]
    summary = read(tmp_path, [*BOOK, *rows]).summary
    assert {reason: count.first for reason, count in summary.left_out.items()} == {
        "cancel of an unknown order": "mbo.csv, line 7"
    }
    assert {reason: count.first for reason, count in summary.repaired.items()} == {
        "modification of an unknown order, taken as a new one": "mbo.csv, line 8",
        "order added twice": "mbo.csv, line 9",
        "cancel of more than rests": "mbo.csv, line 10",
    }
    assert (summary.rows, summary.used) == (9, 8)


def two_instruments(folder: Path) -> Path:
    text = lines([*BOOK, (1, "A", "B", 100.00, 2, 9, LAST)]).splitlines()
    rows = [text[0] + ",symbol", *(f"{line},{symbol}" for line in text[1:] for symbol in ("ESH4", "ESM4"))]
    (folder / "two.csv").write_text("\n".join(rows) + "\n")
    return folder / "two.csv"


def test_of_several_instruments_one_is_chosen(tmp_path: Path) -> None:
    path = two_instruments(tmp_path)
    recording = DatabentoReader(instrument="ESM4").read(path)
    assert len(recording.flow) == 1
    assert recording.summary.passed_over["of other instruments"].rows == 6
    with pytest.raises(ValueError, match=r"instrument is None; two.csv holds ESH4, ESM4: name one"):
        DatabentoReader().read(path)
    with pytest.raises(ValueError, match=r"instrument is NQH4; two.csv holds ESH4, ESM4"):
        DatabentoReader(instrument="NQH4").read(path)


def test_the_real_file(data: Callable[[str], Path]) -> None:
    recording = DatabentoReader().read(data(ES))
    with gzip.open(data(ES), "rt") as stream:
        rows = list(csv.DictReader(stream))
    kinds = Counter(row["action"] for row in rows)
    summary = recording.summary
    assert (summary.rows, summary.used, summary.repaired, summary.left_out) == (len(rows), len(rows), {}, {})
    assert (recording.tick_size, recording.lot_size) == (0.25, 1.0)
    # No lot is lost or counted twice: the trades are those of the T rows, the lone side N of the opening included.
    assert recording.trades["quantity_lots"].sum() == sum(int(row["size"]) for row in rows if row["action"] == "T")
    sided = recording.trades[recording.trades["aggressor_side"] != 0]
    assert len(recording.trades) - len(sided) == 1
    assert sided["quantity_lots"].sum() == recording.flow["quantity_lots"][recording.flow["kind"] == MARKET].sum()
    two_sided = recording.quotes[
        (recording.quotes["bid_quantity_lots"] > 0) & (recording.quotes["ask_quantity_lots"] > 0)
    ]
    assert np.all(two_sided["bid_price_ticks"] < two_sided["ask_price_ticks"])
    assert len(two_sided) == len(recording.quotes)
    # The hour before the opening at 23:00 UTC is a call auction; a fill's C and M rows are no cancels.
    assert recording.provenance.start == "2023-12-25T23:00:00+00:00"
    assert summary.noted["rows before the opening call auction"] == 926
    assert summary.active_ns == pytest.approx(3600 * SECOND, rel=1e-3)
    cancels = int((recording.flow["kind"] == CANCEL).sum())
    assert cancels < kinds["C"] + kinds["M"] - kinds["F"]
    flow = order_flow(recording)
    assert flow.spread_ticks == pytest.approx(1.06, abs=0.01)
    assert flow.market_rate == pytest.approx(0.787, abs=0.001)


def test_the_aggressors_of_the_real_file_trade_at_the_quotes(data: Callable[[str], Path]) -> None:
    recording = DatabentoReader().read(data(ES))
    market = recording.flow[recording.flow["kind"] == MARKET]
    # An aggressor's first fill is at the opposite best quote, and its last at that or beyond.
    assert (market["offset_ticks"] <= 0).mean() > 0.99


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (lines(BOOK).replace(",action,", ",act,"), "mbo.csv, line 1: .* no action"),
        (lines(BOOK) + "1,2,A\n", "line 7: found '1,2,A'; expected an mbo row"),
        (lines(BOOK).replace(",A,B,99.75", ",Z,B,99.75"), "line 4: .*expected an mbo row: action one of A, C, M"),
        (lines(BOOK).replace(",A,B,99.75", ",A,X,99.75"), "line 4: .*side B, A or N"),
        (lines(BOOK).replace(",A,B,99.75", ",A,B,many"), "line 4: found .*many.*; expected an mbo row"),
        (lines(BOOK) + "2023-12-25,1,A,B,1.0,1,1,0,0\n", "line 7: found"),
        ("", "line 1: found ''; expected a header"),
    ],
    ids=["column", "short", "action", "side", "price", "time", "empty"],
)
def test_a_broken_row_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "mbo.csv").write_text(text)
    with pytest.raises(DataError, match=complaint):
        DatabentoReader().read(tmp_path / "mbo.csv")


def test_shuffled_times_are_refused(tmp_path: Path) -> None:
    rows: list[Given] = [(7 * order % 50 * 10, "A", "B", 100.00, 1, 100 + order, LAST) for order in range(50)]
    with pytest.raises(DataError, match=r"55 rows whose time is implausible or out of order"):
        read(tmp_path, [*BOOK, *rows])


def test_rows_stay_in_the_order_of_their_receipt(tmp_path: Path) -> None:
    rows: list[Given] = [(2, "A", "B", 100.00, 1, 10, LAST), (1.5, "C", "B", 100.00, 1, 10, LAST)]
    recording = read(tmp_path, [*BOOK, *rows])
    assert recording.flow["time_ns"].tolist() == [BEGIN + 2 * SECOND] * 2
    assert recording.flow["kind"].tolist() == [LIMIT, CANCEL]
    assert recording.summary.repaired["time before that of the last row, taken as the same"].first == "mbo.csv, line 8"


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    rows: list[Given] = [(order, "A", "B", 100.00, 1, 100 + order, LAST) for order in range(5000)]
    (tmp_path / "mbo.csv.gz").write_bytes(gzip.compress(lines([*BOOK, *rows]).encode())[:-1000])
    with pytest.raises(DataError, match=r"mbo.csv.gz, line \d+: .*expected UTF-8 text, plain or in a whole gzip"):
        DatabentoReader().read(tmp_path / "mbo.csv.gz")


def test_another_format_names_its_reader_and_other_columns_theirs(tmp_path: Path) -> None:
    (tmp_path / "messages.csv").write_text("34200.0,1,1,100,1000000,1\n")
    with pytest.raises(DataError, match=r"calibration=lobster"):
        DatabentoReader().read(tmp_path / "messages.csv")


@pytest.fixture
def dbn() -> Any:
    """Return the optional package."""
    return pytest.importorskip("databento_dbn")


def encode(dbn: Any, rows: list[Given], schema: str = "mbo") -> bytes:
    metadata = dbn.Metadata(
        "GLBX.MDP3", 0, dbn.SType.RAW_SYMBOL, dbn.SType.INSTRUMENT_ID, dbn.Schema.from_str(schema), symbols=["ESH4"]
    )
    records = [
        dbn.MBOMsg(
            1,
            5602,
            BEGIN + round(time * SECOND),
            order,
            UNDEFINED_PRICE if price == "" else round(float(price) * 10**9),
            size,
            dbn.Action.from_str(action),
            dbn.Side.from_str(side),
            BEGIN + round(time * SECOND) + 500,
            flags=flags,
        )
        for time, action, side, price, size, order, flags in rows
    ]
    return b"".join(map(bytes, [metadata, *records]))


def test_a_dbn_file_holds_what_the_csv_holds(tmp_path: Path, dbn: Any) -> None:
    (tmp_path / "mbo.dbn").write_bytes(encode(dbn, AUCTION))
    recording = DatabentoReader(tick_size=0.25, lot_size=1).read(tmp_path / "mbo.dbn")
    assert recording.digest() == read(tmp_path, AUCTION).digest()
    zstandard = pytest.importorskip("zstandard")
    (tmp_path / "mbo.dbn.zst").write_bytes(zstandard.compress(encode(dbn, AUCTION)))
    assert DatabentoReader(tick_size=0.25, lot_size=1).read(tmp_path / "mbo.dbn.zst").digest() == recording.digest()


def test_a_broken_dbn_file_is_refused(tmp_path: Path, dbn: Any) -> None:
    (tmp_path / "mbo.dbn").write_bytes(encode(dbn, AUCTION)[:-3])
    with pytest.raises(DataError, match=r"mbo.dbn, line 15: found 'the end of the file within a record'"):
        DatabentoReader().read(tmp_path / "mbo.dbn")
    (tmp_path / "mbo.dbn").write_bytes(encode(dbn, [], "trades"))
    with pytest.raises(DataError, match=r"the schema trades'; expected the schema mbo"):
        DatabentoReader().read(tmp_path / "mbo.dbn")


@pytest.mark.skipif(importlib.util.find_spec("databento_dbn") is not None, reason="databento-dbn is installed")
def test_without_the_package_a_dbn_file_names_it(tmp_path: Path) -> None:
    (tmp_path / "mbo.dbn").write_bytes(b"DBN\x03rest")
    with pytest.raises(DataError, match=r"mbo.dbn is a DBN file, .*pip install 'marl_market\[databento\]'"):
        DatabentoReader().read(tmp_path / "mbo.dbn")
