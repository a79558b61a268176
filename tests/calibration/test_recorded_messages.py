"""Recordings of every format as replays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from marl_market.calibration.readers.level_orders import LevelOrders
from marl_market.calibration.readers.message_log import ALL, LogKind, MessageLog
from marl_market.calibration.readers.source import DataError
from marl_market.calibration.recorded_messages import RecordedMessages, reader_for
from marl_market.calibration.replay_opening import opening_levels
from marl_market.market.replay_tape import MessageKind, ReplayTape
from marl_market.market.tape import Side

SUBMIT, REDUCE, TAKE, FILL = MessageKind
BUY, SELL = Side.BUY, Side.SELL
SECOND = 1_000_000_000


def lobster(folder: Path, *lines: str, **fields: str) -> ReplayTape:
    path = folder / "TOY_2012-06-21_0_1_message_1.csv"
    path.write_text("\n".join(lines) + "\n")
    return RecordedMessages(str(path), **fields).replay_tape(0.01, 1.0)


def said(tape: ReplayTape) -> list[tuple[float, ...]]:
    """Return (seconds, kind, side, price, quantity, left) of each message."""
    names = ["kind", "side", "price_ticks", "quantity_lots", "left_lots"]
    return [(int(row["time_ns"]) / SECOND, *(int(row[name]) for name in names)) for row in tape.messages]


LINES = (
    "1.0,1,11,100,1000000,1",
    "2.0,1,12,50,1000300,-1",
    "3.0,2,11,40,1000000,1",
    "4.0,4,12,20,1000300,-1",
    "4.0,4,9,20,1000400,-1",
    "5.0,5,0,7,1000100,1",
    "6.0,3,11,60,1000000,1",
)


def test_messages_of_lobster(tmp_path: Path) -> None:
    tape = lobster(tmp_path, *LINES)
    before = 1.0 - 1e-9
    assert said(tape) == [
        (before, SUBMIT, SELL, 10_004, 20, 20),  # never submitted in the file: it rests as it begins
        (1.0, SUBMIT, BUY, 10_000, 100, 100),
        (2.0, SUBMIT, SELL, 10_003, 50, 50),
        (3.0, REDUCE, BUY, 10_000, 40, 60),
        (4.0, TAKE, BUY, 10_003, 20, 0),
        (4.0, FILL, SELL, 10_003, 20, 30),
        (4.0, REDUCE, SELL, 10_003, 30, 0),
        (4.0, TAKE, BUY, 10_004, 20, 0),
        (4.0, FILL, SELL, 10_004, 20, 0),
        (5.0, SUBMIT, BUY, 10_001, 7, 7),
        (5.0, TAKE, SELL, 10_001, 7, 0),
        (5.0, FILL, BUY, 10_001, 7, 0),
        (6.0, REDUCE, BUY, 10_000, 60, 0),
    ]
    assert tape.sessions.tolist() == [[SECOND, 6 * SECOND]]
    assert tape.left_out == {"orders proved gone": 1}
    assert not tape.inferred


def test_the_first_row_of_a_book_completes_the_opening(tmp_path: Path) -> None:
    book = tmp_path / "book.csv"
    book.write_text("1000400,25,1000000,130,9999999999,0,999900,5\n1,1,1,1\n")
    assert opening_levels(book) == {(SELL, 1_000_400): 25, (BUY, 1_000_000): 130, (BUY, 999_900): 5}
    tape = lobster(tmp_path, *LINES, book=str(book))
    before = 1.0 - 1e-9
    assert said(tape)[:5] == [
        (before, SUBMIT, SELL, 10_004, 20, 20),
        (before, SUBMIT, SELL, 10_004, 5, 5),
        (before, SUBMIT, BUY, 10_000, 30, 30),
        (before, SUBMIT, BUY, 9_999, 5, 5),
        (1.0, SUBMIT, BUY, 10_000, 100, 100),
    ]


@pytest.mark.parametrize("line", ["", "1000400,25,1000000", "a,b,c,d"])
def test_a_file_that_is_no_book_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "book.csv").write_text(line + "\n")
    with pytest.raises(DataError, match="whole numbers ask price, size, bid price, size"):
        opening_levels(tmp_path / "book.csv")


def test_a_window_sets_where_sessions_may_begin_but_not_what_rests(tmp_path: Path) -> None:
    tape = lobster(tmp_path, *LINES, start="00:00:03")
    assert tape.sessions.tolist() == [[3 * SECOND, 6 * SECOND]]
    assert tape.resting_before(tape.index_at(3 * SECOND))["price_ticks"].tolist() == [10_004, 10_000, 10_003]


def test_a_process_reads_a_recording_once(tmp_path: Path) -> None:
    (tmp_path / "TOY_2012-06-21_0_1_message_1.csv").write_text("\n".join(LINES) + "\n")
    recorded = RecordedMessages(str(tmp_path / "TOY_2012-06-21_0_1_message_1.csv"))
    assert recorded.replay_tape(0.01, 1.0) is recorded.replay_tape(0.01, 1.0)


def test_what_holds_no_messages_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text("date,close\n2024-01-02,1.0\n2024-01-03,2.0\n2024-01-04,1.5\n")
    with pytest.raises(DataError, match=r"bars.csv, which is of format bars; a replay needs messages"):
        RecordedMessages(str(tmp_path / "bars.csv")).replay_tape(0.01, 1.0)
    (tmp_path / "notes.txt").write_text("nothing\n")
    with pytest.raises(DataError, match=r"notes.txt, which no reader recognizes"):
        RecordedMessages(str(tmp_path / "notes.txt")).replay_tape(0.01, 1.0)
    with pytest.raises(ValueError, match=r"recorded_messages.reach_ticks is -1; it must be zero or more"):
        RecordedMessages("any", reach_ticks=-1)


def rows(log: MessageLog) -> list[tuple[int, ...]]:
    """Return (kind, order, side, price, quantity) of each row of a log."""
    return [log.row(index)[1:] for index in range(len(log))]


def test_orders_of_levels_are_inferred_by_the_stated_rules() -> None:
    log = MessageLog()
    orders = LevelOrders(log)
    orders.change(0, [(BUY, 99, 10), (SELL, 101, 5)])
    orders.change(1, [(BUY, 99, 14)])  # a second bid of 4
    orders.change(2, [(BUY, 99, 12)])  # canceled from the last order on
    orders.fill(3, BUY, 99, 11)  # takes the first order and a part of the second
    rest, cancel, fill = LogKind.REST, LogKind.CANCEL, LogKind.FILL
    assert rows(log) == [
        (rest, 1, SELL, 101, 5), (rest, 2, BUY, 99, 10), (rest, 3, BUY, 99, 4), (cancel, 3, 0, 0, 2),
        (fill, 2, 0, 0, 10), (fill, 3, 0, 0, 1),
    ]  # fmt: skip
    told = len(log)
    orders.fill(4, SELL, 100, 6)  # nobody has said that there are asks at 100, and 99 stays below
    orders.change(5, [(SELL, 101, 0), (SELL, 100, 2)])
    orders.fill(6, BUY, 98, 3)  # proves 99 gone
    assert rows(log)[told:] == [
        (rest, 4, SELL, 100, 6), (fill, 4, 0, 0, 6), (cancel, 1, 0, 0, 5), (rest, 5, SELL, 100, 2),
        (cancel, 3, 0, 0, 1), (rest, 6, BUY, 98, 3), (fill, 6, 0, 0, 3),
    ]  # fmt: skip
    orders.clear(7)
    assert rows(log)[-1][0] == LogKind.CLEAR
    assert ALL == -1


AGREEMENT = [
    ("lobster/AAPL_2019-12-30_34500000_34777000_message_0.csv.gz", 0.01, 1.0, 1.0),
    ("databento_mbo/ESH4_20231225_mbo.csv.gz", 0.25, 1.0, 0.999),
    ("binance/usdm_btcusdt_20240718.gz", 0.1, 0.001, 1.0),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tick", "lot", "least"), AGREEMENT)
def test_the_quotes_of_a_replay_are_those_of_the_recording(
    data: Callable[[str], Path], name: str, tick: float, lot: float, least: float
) -> None:
    path = str(data(name))
    tape = RecordedMessages(path).replay_tape(tick, lot)
    quotes = reader_for(path, None, None, tick, lot).read(path).quotes
    quotes = quotes[np.append(np.diff(quotes["time_ns"]) > 0, True)]
    index = np.searchsorted(tape.messages["time_ns"], quotes["time_ns"], side="right") - 1
    assert (index >= 0).all()
    sides = [f"{side}_price_ticks" for side in ("bid", "ask")]
    equal = np.all([tape.messages[side][index] == quotes[side] for side in sides], axis=0)
    assert least <= equal.mean() <= 1
    assert tape.inferred == name.startswith("binance")
