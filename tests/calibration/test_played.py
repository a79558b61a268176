import math
from dataclasses import replace
from pathlib import Path

import pytest

from marl_market.calibration.played import MARKETS, Played, compare, fault, play
from marl_market.calibration.readers.lobster import LobsterReader
from marl_market.calibration.readers.recorder import Recording
from marl_market.exchange.codes import Reason
from marl_market.market.rules import Rules
from tests.builders import market_spec

MESSAGES = """\
0.0,1,1,100,1000000,1
0.5,1,2,50,1000300,-1
3.0,4,2,20,1000300,-1
3.5,4,2,20,1000300,-1
5.0,3,1,40,1000000,1
"""


@pytest.fixture(name="recording")
def _recording(tmp_path: Path) -> Recording:
    (tmp_path / "f.csv").write_text(MESSAGES)
    return LobsterReader(lot_size=1).read(tmp_path / "f.csv")


@pytest.fixture(scope="module", name="played")
def _played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    path = tmp_path_factory.mktemp("data") / "f.csv"
    path.write_text(MESSAGES)
    return play(market_spec(), LobsterReader(lot_size=1).read(path))


def test_short_sessions_are_repeated_for_a_minute(played: Played) -> None:
    sessions = played.recording.sessions
    assert len(sessions) == MARKETS * 5  # sessions of 12 steps of a second
    assert (sessions[1:, 0] > sessions[:-1, 1]).all()
    assert (sessions[:, 1] - sessions[:, 0]).sum() == MARKETS * 60 * 10**9
    for table in (played.recording.quotes, played.recording.trades, played.recording.flow):
        assert (table["time_ns"][1:] >= table["time_ns"][:-1]).all()
        assert 0 <= table["time_ns"][0] <= table["time_ns"][-1] <= sessions[-1, 1]


def test_the_orders_sent_are_those_of_the_flow(played: Played) -> None:
    expected = MARKETS * 60 * (8.0 + 2.0)
    assert played.orders == pytest.approx(expected, abs=5 * math.sqrt(expected))


def test_markets_of_equal_specs_are_played_alike(played: Played, recording: Recording) -> None:
    assert play(market_spec(), recording).recording.digest() == played.recording.digest()


def test_the_table_has_data_and_played_market_beside_each_other(played: Played, recording: Recording) -> None:
    text = compare(recording, played)
    assert text.splitlines()[0].split() == ["played", "for", "60", "s", "in", "8", "markets", "data", "played"]
    rows = {line.rsplit(maxsplit=2)[0].strip(): line.split()[-2:] for line in text.splitlines()[1:8]}
    assert list(rows) == [
        "spread, ticks",
        "depth of a best quote, units",
        "volatility, ticks in a second",
        "trades a second",
        "limit orders a second",
        "market orders a second",
        "cancels a second",
    ]
    assert rows["spread, ticks"][0] == "3"
    assert rows["trades a second"] == ["0.4", f"{len(played.recording.trades) / (MARKETS * 60):.4g}"]
    assert text.splitlines()[8].strip().startswith("rejected orders: ")


def test_what_a_book_never_shows_is_none(played: Played, recording: Recording) -> None:
    empty = replace(played.recording, quotes=played.recording.quotes[:0])
    assert "  spread, ticks                                 3         none" in compare(
        recording, replace(played, recording=empty)
    )


def test_a_rule_of_the_venue_that_rejects_the_flow_is_named(recording: Recording) -> None:
    spec = market_spec(rules=Rules(price_band_ticks=1))
    text = fault(spec, recording, play(spec, recording))
    assert "OUTSIDE_PRICE_BAND" in text
    assert "market.rules.price_band_ticks" in text


@pytest.mark.parametrize(("rejected", "is_fault"), [(0, False), (5, False), (6, True), (1000, True)])
def test_a_small_share_of_rejected_orders_is_no_fault(
    recording: Recording, played: Played, rejected: int, is_fault: bool
) -> None:
    rejections = {Reason.TOO_MANY_ORDERS: rejected} if rejected else {}
    found = fault(market_spec(), recording, replace(played, orders=1000, rejections=rejections))
    assert bool(found) == is_fault


def test_orders_that_are_too_large_ask_for_a_lot_that_holds_the_largest(recording: Recording, played: Played) -> None:
    fine = replace(recording, lot_size=1e-8, flow=recording.flow.copy())
    fine.flow["quantity_lots"] = 8_643_100_000
    rejections = {Reason.QUANTITY_ABOVE_MAXIMUM: 30, Reason.TOO_MANY_ORDERS: 20}
    text = fault(market_spec(), fine, replace(played, orders=1000, rejections=rejections))
    assert "it rejects 5.00% of its 1000 orders, and must reject 0.5% or less" in text
    assert "QUANTITY_ABOVE_MAXIMUM 3.00%, TOO_MANY_ORDERS 2.00%" in text
    assert "calibration.lot_size=0.0001; the largest recorded order is 86.431 units" in text
    assert "a part of the data (start, end) whose cancels and market orders keep up" in text


def test_a_market_without_trades_is_at_fault_where_the_data_trade(recording: Recording, played: Played) -> None:
    silent = replace(played, rejections={}, recording=replace(played.recording, trades=played.recording.trades[:0]))
    assert "nothing trades, while the data have 0.4 trades a second" in fault(market_spec(), recording, silent)
    quiet = replace(recording, trades=recording.trades[:0])
    assert fault(market_spec(), quiet, silent) == ""
