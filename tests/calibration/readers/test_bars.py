import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from marl_market.calibration.readers.bars import BarsReader, RecordedBars
from marl_market.calibration.readers.source import DataError
from marl_market.calibration.targets import market_spec

MINUTE = 60_000_000_000
BEGIN = 1_704_150_060 * 1_000_000_000
HEADER = "timestamp,open,high,low,close,volume"
ROWS = [
    "2024-01-01 23:01:00,10,12,9,11,100",
    "2024-01-01 23:02:00,11,11,10,10,0",
    "2024-01-01 23:03:00,10,13,10,12,50",
]
REAL = {
    "6EH4_1min_20240101_20240131": (29_996, 60),
    "EURUSD_hourly_2017_2018": (5_000, 3600),
    "GOOG_daily_2004_2013": (2_148, 86_400),
    "btc_perp_1m_20211231_20220201": (45_031, 60),
    "gbpusd_m1_ask_2012": (30_117, 60),
    "gbpusd_m1_bid_2012": (30_117, 60),
    "sp500_daily_1990_2022": (8_313, 86_400),
    "sp500_daily_1999_2018": (5_031, 86_400),
}


def read(folder: Path, rows: list[str], header: str = HEADER, **fields: Any) -> RecordedBars:
    (folder / "bars.csv").write_text("\n".join([header, *rows]) + "\n")
    return BarsReader(**fields).read(folder / "bars.csv")


def test_bars_are_read_as_they_are(tmp_path: Path) -> None:
    bars = read(tmp_path, ROWS)
    assert bars.rows["time_ns"].tolist() == [BEGIN, BEGIN + MINUTE, BEGIN + 2 * MINUTE]
    assert bars.rows[["open", "high", "low", "close", "volume"]].tolist()[0] == (10, 12, 9, 11, 100)
    assert np.isnan(bars.rows["spread"]).all()
    assert (bars.summary.rows, bars.summary.used, bars.summary.active_ns) == (3, 3, 3 * MINUTE)


@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-01T23:01:00Z", "2024-01-02T00:02:00+01:00", "2024-01-01 23:03:00.000000000"],
        ["1704150060", "1704150120", "1704150180"],
        ["1704150060000", "1704150120000", "1704150180000"],
        ["1704150060000000", "1704150120000000", "1704150180000000"],
        ["1704150060000000000", "1704150120000000000", "1704150180000000000"],
    ],
    ids=["iso", "s", "ms", "us", "ns"],
)
def test_times_are_dates_or_numbers(tmp_path: Path, times: list[str]) -> None:
    rows = [f"{time},{row.partition(',')[2]}" for time, row in zip(times, ROWS, strict=True)]
    assert read(tmp_path, rows).rows.tobytes() == read(tmp_path, ROWS).rows.tobytes()


@pytest.mark.parametrize(
    ("dates", "day_first"),
    [
        (["1/4/1999", "1/13/1999"], None),
        (["4/1/1999", "13/1/1999"], None),
        (["1/4/1999", "1/5/1999"], False),
        (["4/1/1999", "5/1/1999"], True),
    ],
)
def test_dates_with_slashes_begin_with_what_the_file_shows(
    tmp_path: Path, dates: list[str], day_first: bool | None
) -> None:
    bars = read(tmp_path, [f"{date},1" for date in dates], "Date,Close", day_first=day_first)
    assert pd.Timestamp(int(bars.rows["time_ns"][0])) == pd.Timestamp("1999-01-04")


def test_dates_that_may_be_either_ask_for_the_order(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"day_first=true or false"):
        read(tmp_path, ["1/4/1999,1", "1/5/1999,1"], "Date,Close")


def test_a_missing_bar_is_a_gap_and_a_weekend_none(tmp_path: Path) -> None:
    bars = read(tmp_path, [*ROWS, "2024-01-01 23:09:00,12,12,12,12,1"])
    assert bars.gaps.tolist() == [[BEGIN + 3 * MINUTE, BEGIN + 8 * MINUTE]]
    assert [tuple(gap) for gap in bars.summary.gaps] == [(BEGIN + 3 * MINUTE, BEGIN + 8 * MINUTE, "missing bars")]
    assert bars.summary.active_ns == 4 * MINUTE
    days = [f"2024-01-{day:02},1" for day in (2, 3, 4, 5, 8, 9, 22, 23)]
    assert len(read(tmp_path, days, "date,close").gaps) == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2024-01-01 23:04:00,10,9,9,10,1", "a high below or a low above another price"),
        ("2024-01-01 23:04:00,10,12,11,12,1", "a high below or a low above another price"),
        ("2024-01-01 23:04:00,10,12,0,10,1", "a price of zero or less"),
        ("2024-01-01 23:04:00,10,12,,10,1", "a price is missing"),
        ("2024-01-01 23:04:00,10,nan,9,10,1", "a price is missing"),
        ("2024-01-01 23:04:00,10,12,9,10,-1", "a volume below zero"),
        ("2024-01-01 23:03:00,10,12,9,10,1", "a time that the row before has"),
    ],
)
def test_an_implausible_bar_is_left_out(tmp_path: Path, row: str, reason: str) -> None:
    bars = read(tmp_path, [*ROWS, row])
    assert len(bars.rows) == 3
    assert {each: count.first for each, count in bars.summary.left_out.items()} == {reason: "bars.csv, line 5"}
    with pytest.raises(DataError, match=f"bars.csv, line 5: {reason}"):
        read(tmp_path, [*ROWS, row], strict=True)


def test_the_newest_row_may_come_first(tmp_path: Path) -> None:
    assert read(tmp_path, ROWS[::-1]).rows.tobytes() == read(tmp_path, ROWS).rows.tobytes()


def test_another_price_scales_the_bar(tmp_path: Path) -> None:
    rows = ["2024-01-02,10,12,8,10,5", "2024-01-03,10,12,8,10,5.5"]
    bars = read(tmp_path, rows, "Date,Open,High,Low,Close,Adj Close", price="Adj Close")
    assert bars.rows[["open", "high", "low", "close"]].tolist()[0] == (5, 6, 4, 5)
    with pytest.raises(ValueError, match=r"price is Adj; bars.csv has the columns Date, Open"):
        read(tmp_path, rows, "Date,Open,High,Low,Close,Adj Close", price="Adj")


def test_bid_and_ask_become_the_mid_and_a_spread(tmp_path: Path) -> None:
    (tmp_path / "ask.csv").write_text("\n".join([HEADER, *ROWS, "2024-01-01 23:04:00,9,9,9,9,1"]))
    bids = ["2024-01-01 23:01:00,9,11,8,10", "2024-01-01 23:02:00,10,10,9,9", "2024-01-01 23:04:00,10,10,10,10"]
    bars = read(tmp_path, bids, "timestamp,open,high,low,close", ask=tmp_path / "ask.csv")
    assert bars.rows["open"].tolist() == [9.5, 10.5]
    assert bars.rows["spread"].tolist() == [1, 1]
    assert bars.summary.noted == {"bars of the bid without an ask at or above it, left out": 1}
    (tmp_path / "low.csv").write_text("timestamp,open,high,low,close\n" + "\n".join(bids))
    with pytest.raises(ValueError, match=r"are the sides exchanged"):
        read(tmp_path, ROWS, ask=tmp_path / "low.csv")


def test_parquet_holds_what_the_csv_holds(tmp_path: Path) -> None:
    frame = pd.read_csv(Path(_csv(tmp_path)))
    frame["timestamp"] = pd.to_datetime(frame["timestamp"])
    frame.to_parquet(tmp_path / "bars.parquet")
    assert BarsReader().read(tmp_path / "bars.parquet").rows.tobytes() == read(tmp_path, ROWS).rows.tobytes()
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "bars.parquet").read_bytes()[:-50])
    with pytest.raises(DataError, match=r"cut.parquet, line 1: .*expected a whole Parquet file"):
        BarsReader().read(tmp_path / "cut.parquet")


def _csv(folder: Path) -> Path:
    (folder / "given.csv").write_text("\n".join([HEADER, *ROWS]))
    return folder / "given.csv"


def test_several_files_follow_each_other(tmp_path: Path) -> None:
    for name, rows in (("a.csv", ROWS[:2]), ("b.csv", ROWS[2:])):
        (tmp_path / name).write_text("\n".join([HEADER, *rows]))
    assert len(BarsReader().read(str(tmp_path / "*.csv")).rows) == 3
    with pytest.raises(DataError, match=r"given.csv, line 1: .* do not overlap"):
        BarsReader().read([tmp_path / "a.csv", tmp_path / "b.csv", _csv(tmp_path)])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("time,a,b,c\n1,2,3,4\n", "line 1: .*expected columns open, high, low, close, or one price"),
        (HEADER + "\n2024-01-01,1,2\n", "line 2: .*expected 6 columns"),
        (HEADER + "\nnoon,1,1,1,1,1\n", "line 2: .*expected a time and prices"),
        (HEADER + "\n2024-01-01,1,1,one,1,1\n", "line 2: .*expected a time and prices"),
        (HEADER + "\n", "line 1: .*no bar that could be used"),
    ],
)
def test_a_broken_file_names_the_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "bars.csv").write_text(text)
    with pytest.raises(DataError, match=f"bars.csv, {complaint}"):
        BarsReader().read(tmp_path / "bars.csv")


def test_shuffled_truncated_and_foreign_files_are_refused(tmp_path: Path) -> None:
    rows = [f"{1704150060 + 60 * (7 * row % 50)},1" for row in range(50)]
    with pytest.raises(DataError, match=r"50 rows whose time is implausible or out of order"):
        read(tmp_path, rows, "time,close")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress("\n".join([HEADER, *ROWS * 500]).encode())[:-20])
    with pytest.raises(DataError, match=r"cut.csv.gz, line \d+: .*gzip"):
        BarsReader().read(tmp_path / "cut.csv.gz")
    (tmp_path / "messages.csv").write_text("34200.0,1,1,100,1000000,1\n")
    with pytest.raises(DataError, match=r"calibration=lobster"):
        BarsReader().read(tmp_path / "messages.csv")


def test_no_market_is_calibrated_from_bars(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"bars have no orders and no book; a market cannot be calibrated from them"):
        market_spec(read(tmp_path, ROWS), "toy")


@pytest.mark.parametrize("name", REAL)
def test_the_real_files(data: Callable[[str], Path], name: str) -> None:
    bars = BarsReader().read(data(f"bars/{name}.csv.gz"))
    rows, seconds = REAL[name]
    assert (bars.summary.rows, len(bars.rows), bars.interval_ns) == (rows, rows, seconds * 1_000_000_000)
    assert bars.returns().size == rows - 1 - len(bars.gaps)
    assert 5e-5 < bars.volatility() < 0.03


def test_the_real_pair(data: Callable[[str], Path]) -> None:
    reader = BarsReader(ask=data("bars/gbpusd_m1_ask_2012.csv.gz"))
    bars = reader.read(data("bars/gbpusd_m1_bid_2012.csv.gz"))
    assert len(bars.rows) == 30_117 - 676
    assert bars.rows["spread"].min() >= 0
    assert bars.rows["spread"].mean() == pytest.approx(1.5e-4, abs=1e-4)


def test_the_closed_week_of_2001_is_the_only_gap_of_the_index(data: Callable[[str], Path]) -> None:
    bars = BarsReader().read(data("bars/sp500_daily_1990_2022.csv.gz"))
    assert [str(np.datetime64(int(time), "ns"))[:10] for time in bars.gaps[0]] == ["2001-09-11", "2001-09-17"]
