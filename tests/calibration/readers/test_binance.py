import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl_market.calibration.readers.binance import BinanceReader
from marl_market.calibration.readers.binance_futures import BinanceFuturesReader
from marl_market.calibration.readers.binance_spot import BinanceSpotReader
from marl_market.calibration.readers.recorder import Recording
from marl_market.calibration.readers.source import DataError
from marl_market.market.tape import FlowKind, Side

NAME = "feed"
START_MS = 1_700_000_000_000
READERS = {"spot": BinanceSpotReader, "futures": BinanceFuturesReader}
LEVELS = [["100.0", "2.0"], ["99.9", "1.0"]], [["100.1", "3.0"], ["100.2", "1.0"]]


def stream(name: str, data: dict[str, Any]) -> str:
    return json.dumps({"stream": f"btcusdt@{name}", "data": {"s": "BTCUSDT", **data}})


def depth(venue: str, first: int, last: int, *changes: tuple[str, str, str], milliseconds: int = 0) -> str:
    sides = {side: [[price, quantity] for name, price, quantity in changes if name == side] for side in "ba"}
    futures = {"T": START_MS + milliseconds, "pu": first - 1} if venue == "futures" else {}
    return stream(
        "depth@100ms",
        {"e": "depthUpdate", "E": START_MS + milliseconds, "U": first, "u": last, **sides, **futures},
    )


def trade(number: int, milliseconds: int, price: str, size: str, buyer_is_maker: bool, **fields: Any) -> str:
    fill = {"e": "trade", "t": number, "T": START_MS + milliseconds, "p": price, "q": size, "m": buyer_is_maker}
    return stream("trade", {**fill, **fields})


def snapshot(number: int) -> str:
    return json.dumps({"lastUpdateId": number, "bids": LEVELS[0], "asks": LEVELS[1]})


def session(venue: str) -> list[str]:
    return [
        depth(venue, 1, 4, ("b", "99.9", "7.0"), milliseconds=10),
        depth(venue, 5, 9, ("b", "100.0", "1.5"), milliseconds=20),
        depth(venue, 10, 12, ("a", "100.1", "2.5"), ("b", "99.0", "8.0"), milliseconds=40),
        snapshot(7),
        stream("bookTicker", {"u": 12, "b": "100.0", "B": "1.5", "a": "100.1", "A": "2.5"}),
        trade(1, 30, "100.1", "0.5", False),
        trade(2, 50, "100.0", "0.5", True),
        depth(venue, 13, 13, ("b", "100.0", "1.2"), ("b", "99.0", "9.0"), milliseconds=60),
    ]


def read(folder: Path, venue: str, *lines: str, prefix: str = "1700000000000000000 ", **fields: Any) -> Recording:
    (folder / NAME).write_text("\n".join(prefix + line for line in lines) + "\n")
    return READERS[venue](**fields).read(folder / NAME)


def flow(recording: Recording) -> list[tuple[int, ...]]:
    return [row[1:] for row in recording.flow.tolist()]


@pytest.mark.parametrize("venue", READERS)
def test_a_session_worked_out_by_hand(tmp_path: Path, venue: str) -> None:
    recording = read(tmp_path, venue, *session(venue))
    assert (recording.tick_size, recording.lot_size, recording.currency) == (0.1, 0.1, "USDT")
    assert [((row[0] - START_MS * 10**6) // 10**6, *row[1:]) for row in recording.quotes.tolist()] == [
        (20, 1000, 1001, 20, 30),
        (20, 1000, 1001, 15, 30),
        (40, 1000, 1001, 15, 25),
        (60, 1000, 1001, 12, 25),
    ]
    assert [row[1:] for row in recording.trades.tolist()] == [(1001, Side.BUY, 5), (1000, Side.SELL, 5)]
    assert flow(recording) == [
        (FlowKind.CANCEL, Side.BUY, 1000, 1, 5),
        (FlowKind.MARKET, Side.BUY, 1001, 0, 5),
        (FlowKind.MARKET, Side.SELL, 1000, 0, 5),
        (FlowKind.LIMIT, Side.BUY, 1000, 1, 2),
        (FlowKind.LIMIT, Side.BUY, 990, 11, 10),  # 99.0 lies beyond the snapshot: only its second change is an order
    ]
    assert not recording.summary.repaired
    assert not recording.summary.left_out
    assert recording.summary.passed_over["updates from before the snapshot"].rows == 1


@pytest.mark.parametrize("prefix", ["", "1700000000000000 ", "1700000000.5: "])
@pytest.mark.parametrize("venue", READERS)
def test_local_times_may_be_missing_or_of_any_unit(tmp_path: Path, venue: str, prefix: str) -> None:
    lines = session(venue)
    assert read(tmp_path, venue, *lines, prefix=prefix).digest() == read(tmp_path, venue, *lines).digest()


@pytest.mark.parametrize("venue", READERS)
def test_a_lost_update_makes_the_book_unknown_until_the_next_snapshot(tmp_path: Path, venue: str) -> None:
    after = [
        depth(venue, 20, 22, ("b", "99.9", "5.0"), milliseconds=5000),
        trade(3, 5500, "100.0", "0.5", True),
        snapshot(22),
        depth(venue, 23, 25, ("b", "100.0", "9.0"), milliseconds=9000),
        trade(4, 9500, "100.1", "0.5", False),
    ]
    recording = read(tmp_path, venue, *session(venue), *after)
    assert [
        (gap.from_ns - START_MS * 10**6, gap.to_ns - START_MS * 10**6, gap.reason) for gap in recording.summary.gaps
    ] == [(60_000_000, 9_000_000_000 if venue == "spot" else 5_000_000_000, "lost updates")]
    assert len(recording.sessions) == 2
    assert flow(recording)[-1] == (FlowKind.MARKET, Side.BUY, 1001, 0, 5)


@pytest.mark.parametrize("venue", READERS)
def test_a_second_copy_of_an_update_is_left_out(tmp_path: Path, venue: str) -> None:
    lines = session(venue)
    recording = read(tmp_path, venue, *lines, lines[-1])
    assert recording.digest() == read(tmp_path, venue, *lines).digest()
    assert recording.summary.left_out["update whose number was seen before"].rows == 1


@pytest.mark.parametrize("venue", READERS)
def test_files_whose_numbers_go_on_are_one_recording(tmp_path: Path, venue: str) -> None:
    lines = session(venue)
    whole = read(tmp_path, venue, *lines)
    for cut in (6, 7):
        (tmp_path / "a").write_text("\n".join(lines[:cut]))
        (tmp_path / "b").write_text("\n".join(lines[cut:]))
        recording = READERS[venue]().read([tmp_path / "a", tmp_path / "b"])
        assert recording.digest() == whole.digest()
        assert len(recording.sessions) == 1
    with pytest.raises(DataError, match="found 'no snapshot'; expected a snapshot of BTCUSDT; where the file before"):
        READERS[venue]().read(tmp_path / "b")


def test_only_fills_in_the_book_count_and_one_kind_of_them(tmp_path: Path) -> None:
    aggregate = stream("aggTrade", {"e": "aggTrade", "a": 7, "p": "100.0", "q": "1", "T": START_MS + 70, "m": True})
    fund = trade(3, 70, "100.0", "9.0", True, X="INSURANCE_FUND")
    recording = read(tmp_path, "futures", *session("futures"), fund, aggregate)
    assert len(recording.trades) == 2
    assert recording.summary.passed_over["fills outside the book"].rows == 1
    assert recording.summary.passed_over["aggTrade messages, beside trade messages"].rows == 1
    lines = [line for line in session("futures") if '"trade"' not in line]
    assert len(read(tmp_path, "futures", *lines, aggregate).trades) == 1


def test_the_currency_is_the_end_of_the_symbol(tmp_path: Path) -> None:
    lines = [line.replace("BTCUSDT", "ABCXYZ") for line in session("spot")]
    with pytest.raises(ValueError, match="currency is None; the quote currency of ABCXYZ is not known: name it"):
        read(tmp_path, "spot", *lines)
    assert read(tmp_path, "spot", *lines, currency="XYZ").currency == "XYZ"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('{"e": "depthUpdate", "s": "BTCUSDT"}', "depthUpdate with KeyError"),
        (trade(3, 70, "0", "1", True), "trade with ValueError: p 0"),
        (trade(3, 70, "1", "1", True).replace("true", '"x"'), "trade with ValueError: m x"),
        ('{"stream": "btcusdt@trade"}', "{"),
        ('{"foo": 1}', "{"),
        ("{", "{"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, found: str) -> None:
    with pytest.raises(DataError, match=f"^{NAME}, line 9: found .*{found}"):
        read(tmp_path, "spot", *session("spot"), line)


def test_the_other_market_has_a_reader_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected binance_spot messages; these are binance_futures"):
        read(tmp_path, "spot", *session("futures"))
    with pytest.raises(DataError, match="expected binance_futures messages; these are binance_spot"):
        read(tmp_path, "futures", *session("spot"))


def test_a_cut_off_file_is_named(tmp_path: Path) -> None:
    whole = gzip.compress("\n".join(session("spot")).encode())
    (tmp_path / NAME).write_bytes(whole[:-20])
    with pytest.raises(DataError, match=rf"^{NAME}, line \d+: found .*expected UTF-8 text"):
        BinanceSpotReader().read(tmp_path / NAME)


@pytest.mark.parametrize(
    ("reader", "names", "fills", "tick"),
    [
        (BinanceSpotReader(), ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"), 19_903, 0.01),
        (BinanceFuturesReader(), ("usdm_btcusdt_20230404.dat.gz", "usdm_btcusdt_20230405.dat.gz"), 12_928, 0.1),
        (BinanceFuturesReader(), ("usdm_btcusdt_20240718.gz", "usdm_btcusdt_20240719.gz"), 10_701, 0.1),
        (BinanceFuturesReader(), ("usdm_btcusdt_20240808.gz",), 21_309, 0.1),
    ],
    ids=["spot 2024-08", "usdm 2023-04", "usdm 2024-07", "usdm 2024-08"],
)
@pytest.mark.slow
def test_recordings_across_midnight_are_one_session(
    data: Callable[[str], Path], reader: BinanceReader, names: tuple[str, ...], fills: int, tick: float
) -> None:
    recording = reader.read([data(f"binance/{name}") for name in names])
    assert (recording.tick_size, len(recording.trades), len(recording.sessions)) == (tick, fills, 1)
    assert not recording.summary.repaired
    assert not recording.summary.left_out
    assert not recording.summary.noted
    assert (recording.quotes["bid_price_ticks"] < recording.quotes["ask_price_ticks"]).all()
    for table in (recording.quotes, recording.trades, recording.flow):
        assert (np.diff(table["time_ns"]) >= 0).all()


def test_a_second_day_alone_lacks_its_snapshot(data: Callable[[str], Path]) -> None:
    with pytest.raises(DataError, match="found 'no snapshot'"):
        BinanceFuturesReader().read(data("binance/usdm_btcusdt_20240719.gz"))
