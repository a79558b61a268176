from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from marl_market.calibration.readers.databento import DatabentoReader
from marl_market.calibration.readers.lobster import LobsterReader
from marl_market.calibration.readers.order_lives import OrderLives
from marl_market.calibration.readers.steps import Step
from marl_market.market.tape import ORDER, Outcome, Side, Tape
from tests.calibration.readers import test_databento, test_itch
from tests.calibration.readers.itch_file import OPEN as MARKET_OPEN

OPEN, CANCELED, FILLED = Outcome.OPEN, Outcome.CANCELED, Outcome.FILLED
BUY, SELL = Side.BUY, Side.SELL
SECOND = 1_000_000_000
UNIT = Step(1, 1.0)
ES = "databento_mbo/ESH4_20231225_mbo.csv.gz"
TSLA = "lobster/TSLA_2015-01-30_34200000_57600000_message_10.csv.gz"
COLUMNS = [name for name in ORDER.names or () if name != "reserved"]


def lives(tape: Tape, origin_ns: int = 0) -> list[tuple[float, ...]]:
    """Return begin, end and first fill in seconds, outcome, side, price, quantity and filled lots of each order."""
    rows = tape.orders[COLUMNS].tolist()
    return [
        (*((time - origin_ns) / SECOND for time in row[:2]), max(row[2] - origin_ns, 0) / SECOND, *row[3:])
        for row in rows
    ]


def lobster(folder: Path, *lines: str) -> Tape:
    path = folder / "TOY_2012-06-21_0_1_message_1.csv"
    path.write_text("\n".join(lines) + "\n")
    return LobsterReader(tick_size=0.01, lot_size=1.0).read(path)


def test_the_lives_of_lobster_orders(tmp_path: Path) -> None:
    tape = lobster(
        tmp_path,
        "1.0,1,1,100,1000000,1",
        "2.0,1,2,50,1000300,-1",
        "3.0,2,1,40,1000000,1",
        "4.0,4,2,20,1000300,-1",
        "5.0,4,2,30,1000300,-1",
        "6.0,4,1,10,1000000,1",
        "7.0,3,1,50,1000000,1",
        "8.0,1,3,5,1000400,-1",
        "9.0,3,99,5,1000500,-1",
        "10.0,1,4,5,1000100,1",
    )
    assert lives(tape) == [
        (1.0, 7.0, 6.0, CANCELED, BUY, 10_000, 100, 10),
        (2.0, 5.0, 4.0, FILLED, SELL, 10_003, 50, 50),
        (8.0, 10.0, 0.0, OPEN, SELL, 10_004, 5, 0),
        (10.0, 10.0, 0.0, OPEN, BUY, 10_001, 5, 0),
    ]


def test_what_a_session_leaves_open_stays_open_and_what_begins_in_a_halt_is_none(tmp_path: Path) -> None:
    tape = lobster(
        tmp_path,
        "1.0,1,1,100,1000000,1",
        "2.0,1,2,50,1000300,-1",
        "2.5,4,1,30,1000000,1",
        "3.0,7,0,0,-1,-1",
        "4.0,1,3,5,1000400,-1",
        "5.0,4,1,30,1000000,1",
        "6.0,7,0,0,1,-1",
        "7.0,3,1,40,1000000,1",
        "8.0,1,4,5,1000400,-1",
        "9.0,3,4,5,1000400,-1",
        "10.0,3,2,50,1000300,-1",
        "11.0,3,3,5,1000400,-1",
    )
    assert lives(tape) == [
        (1.0, 3.0, 2.5, OPEN, BUY, 10_000, 100, 30),
        (2.0, 3.0, 0.0, OPEN, SELL, 10_003, 50, 0),
        (8.0, 9.0, 0.0, CANCELED, SELL, 10_004, 5, 0),
    ]


def test_an_order_that_is_proved_gone_or_never_rested_has_no_life(tmp_path: Path) -> None:
    gone = lobster(
        tmp_path, "1.0,1,1,5,1000000,1", "2.0,1,2,5,1000000,-1", "3.0,3,2,5,1000000,-1", "4.0,1,3,1,900000,1"
    )
    assert [row[0] for row in lives(gone)] == [2.0, 4.0]
    taker = lobster(
        tmp_path,
        "1.0,1,1,5,1000000,1",
        "2.0,1,2,3,1000000,-1",
        "2.0,4,1,3,1000000,1",
        "3.0,3,1,2,1000000,1",
        "4.0,1,3,1,900000,1",
    )
    assert [row[0] for row in lives(taker)] == [1.0, 4.0]


def test_the_days_of_a_pattern_have_orders_of_their_own(tmp_path: Path) -> None:
    for day in ("2012-06-21", "2012-06-22"):
        text = "1.0,1,1,5,1000000,1\n2.0,1,2,5,1000100,-1\n3.0,2,2,1,1000100,-1\n"
        (tmp_path / f"TOY_{day}_0_1_message_1.csv").write_text(text)
    tape = LobsterReader(tick_size=0.01, lot_size=1.0).read(str(tmp_path / "*.csv"))
    day = 86_400.0
    assert [row[:4] for row in lives(tape)] == [
        (1.0, 3.0, 0.0, OPEN),
        (2.0, 3.0, 0.0, OPEN),
        (day + 1.0, day + 3.0, 0.0, OPEN),
        (day + 2.0, day + 3.0, 0.0, OPEN),
    ]


def test_the_lives_of_an_itch_day(tmp_path: Path) -> None:
    assert lives(test_itch.read(tmp_path, test_itch.DAY), MARKET_OPEN) == [
        (1.0, 5.0, 0.0, CANCELED, BUY, 10_001, 100, 0),
        (2.0, 7.0, 3.0, CANCELED, SELL, 10_004, 100, 60),
        (5.0, 8.0, 0.0, OPEN, BUY, 10_002, 200, 0),
    ]


def test_the_lives_of_mbo_orders(tmp_path: Path) -> None:
    last = test_databento.LAST
    rows: list[test_databento.Given] = [
        (1, "A", "B", 100.00, 5, 10, last),
        (2, "A", "A", 100.25, 3, 11, last),
        (3, "M", "B", 100.00, 4, 10, last),
        (4, "T", "A", 100.00, 6, 50, 0),
        (4, "F", "B", 100.00, 5, 1, 0),
        (4, "F", "B", 100.00, 1, 10, 0),
        (4, "C", "B", 100.00, 5, 1, 0),
        (4, "M", "B", 100.00, 3, 10, last),
        (5, "M", "B", 99.75, 3, 10, last),
        (6, "T", "A", 99.75, 10, 51, 0),
        (6, "F", "B", 99.75, 7, 2, 0),
        (6, "F", "B", 99.75, 3, 10, 0),
        (6, "C", "B", 99.75, 7, 2, 0),
        (6, "M", "B", 99.75, 2, 10, last),
        (7, "C", "A", 100.25, 3, 11, last),
    ]
    recording = test_databento.read(tmp_path, [*test_databento.BOOK, *rows])
    assert lives(recording, test_databento.BEGIN) == [
        (1.0, 5.0, 4.0, CANCELED, BUY, 400, 5, 1),
        (2.0, 7.0, 0.0, CANCELED, SELL, 401, 3, 0),
        (5.0, 6.0, 6.0, FILLED, BUY, 399, 3, 3),
        (6.0, 7.0, 0.0, OPEN, BUY, 399, 2, 0),
    ]


def test_fills_after_a_session_are_not_counted_even_where_its_end_is_found_later() -> None:
    orders = OrderLives()
    orders.begin(1, 7, BUY, 100, 9)
    orders.fill(2, 7, 4)
    orders.fill(30, 7, 5)
    sessions = np.array([[0, 10], [20, 40]])
    assert orders.table(sessions, UNIT, UNIT)[COLUMNS].tolist() == [(1, 10, 2, OPEN, BUY, 100, 9, 4)]


def test_a_recording_without_sessions_or_orders_has_no_lives() -> None:
    assert OrderLives().table(np.zeros((0, 2), np.int64), UNIT, UNIT).tolist() == []
    assert OrderLives().table(np.array([[0, 1]]), UNIT, UNIT).tolist() == []


def test_lives_are_ordered_by_their_beginning_and_closed_ones_outlive_their_numbers() -> None:
    orders = OrderLives()
    for time_ns in (5, 1, 3):
        orders.begin(time_ns, 7, BUY, 100, 9)
        orders.close(9)
    assert orders.table(np.array([[0, 10]]), UNIT, UNIT)["time_ns"].tolist() == [1, 3, 5]


@pytest.mark.slow
def test_the_lives_of_tesla_agree_with_its_messages(data: Callable[[str], Path]) -> None:
    path = data(TSLA)
    orders = LobsterReader().read(path).orders
    rows = np.loadtxt(path, delimiter=",", usecols=range(3))
    born = {int(number): time for time, kind, number in rows if kind == 1}
    deletions = [(int(number), time) for time, kind, number in rows if kind == 3 and time < rows[-1, 0]]
    expected = np.sort([time - born[number] for number, time in deletions if number in born])
    canceled = orders[orders["outcome"] == CANCELED]
    found = (canceled["end_ns"] - canceled["time_ns"]) / SECOND
    # Some orders of the file are sent at or through others that rest: they never rested themselves.
    assert expected.size * 0.999 < found.size <= expected.size
    nearest = np.clip(np.searchsorted(expected, found), 1, expected.size - 1)
    assert np.minimum(np.abs(expected[nearest] - found), np.abs(expected[nearest - 1] - found)).max() < 1e-6
    assert np.all(orders["filled_lots"][orders["outcome"] == FILLED] > 0)
    assert np.all(orders["end_ns"] >= orders["time_ns"])


@pytest.mark.slow
def test_every_filled_mbo_order_is_filled_to_the_end(data: Callable[[str], Path]) -> None:
    orders = DatabentoReader().read(data(ES)).orders
    filled = orders[orders["outcome"] == FILLED]
    assert filled.size > 100
    assert np.all(filled["filled_lots"] <= filled["quantity_lots"])
    assert np.all((filled["first_fill_ns"] >= filled["time_ns"]) & (filled["first_fill_ns"] <= filled["end_ns"]))
