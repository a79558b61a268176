from pathlib import Path

import numpy as np
import pytest

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.calibration.readers.coinbase import CoinbaseReader
from marl_market.calibration.readers.recorded_tape import TapeReader
from marl_market.calibration.readers.source import DataError
from marl_market.calibration.targets import order_flow
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Group
from marl_market.env.recording.feed import FeedRecorder
from marl_market.env.recording.tape import TapeRecorder
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import FLOW, QUOTE, TRADE, FlowKind, Side, Tape
from marl_market.market.tape_file import save_tape
from tests.builders import environment, market_spec

SECOND = 1_000_000_000


def toy(tick_size: float = 0.01) -> Tape:
    quotes = np.array([(5 * SECOND, 100, 102, 3, 4), (9 * SECOND, 101, 102, 3, 4)], QUOTE)
    trades = np.array([(7 * SECOND, 102, Side.BUY, 2)], TRADE)
    flow = np.array([(7 * SECOND, FlowKind.MARKET, Side.BUY, 102, 0, 2)], FLOW)
    return Tape(tick_size, 1.0, quotes, trades, flow)


def test_a_tape_is_read_bit_for_bit(tmp_path: Path) -> None:
    save_tape(tmp_path / "a.npz", toy())
    recording = TapeReader(currency="EUR").read(tmp_path / "a.npz")
    assert recording.digest() == toy().digest()
    assert recording.sessions.tolist() == [[5 * SECOND, 9 * SECOND]]
    assert (recording.summary.rows, recording.summary.active_ns, recording.currency) == (4, 4 * SECOND, "EUR")
    assert not recording.hidden.any()


def test_several_tapes_are_sessions_with_a_gap_between_them(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz", "c.npz"):
        save_tape(tmp_path / name, toy())
    recording = TapeReader().read(str(tmp_path / "*.npz"))
    assert (recording.sessions // SECOND).tolist() == [[5, 9], [10, 14], [15, 19]]
    assert (recording.trades["time_ns"] // SECOND).tolist() == [7, 12, 17]
    assert [gap.reason for gap in recording.summary.gaps] == ["between files"] * 2


def test_other_files_are_refused(tmp_path: Path) -> None:
    save_tape(tmp_path / "a.npz", toy())
    save_tape(tmp_path / "b.npz", toy(0.05))
    with pytest.raises(DataError, match=r"b.npz, line 1: .*expected 0.01 and 1.0, as in a.npz"):
        TapeReader().read(str(tmp_path / "*.npz"))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-40])
    with pytest.raises(DataError, match="is no tape file"):
        TapeReader().read(tmp_path / "cut.npz")
    np.savez(tmp_path / "other.npz", rows=np.zeros(3))
    with pytest.raises(DataError, match="has no array"):
        TapeReader().read(tmp_path / "other.npz")
    save_tape(tmp_path / "empty.npz", Tape(0.01, 1.0, np.zeros(0, QUOTE), np.zeros(0, TRADE), np.zeros(0, FLOW)))
    with pytest.raises(DataError, match="a tape without rows"):
        TapeReader().read(tmp_path / "empty.npz")
    (tmp_path / "messages.csv").write_text("34200.0,1,1,100,1000000,1\n")
    with pytest.raises(DataError, match="calibration=lobster"):
        TapeReader().read(tmp_path / "messages.csv")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[MarketSpec, Path, Path]:
    """Return a market of order flow, and the tape and the feed of a session of it."""
    spec = market_spec(session_steps=600, warmup_steps=60)
    batch = BatchMarket(environment([Group("flow", ZeroIntelligence(), 8)], spec=spec), 1)
    tape, feed = TapeRecorder(batch), FeedRecorder(batch)
    batch.reset([3])
    tape.open()
    feed.open()
    for _ in range(spec.session_steps - 1):
        batch.step(np.zeros((1, batch.external.size, batch.environment.action_size), np.float32))
        tape.record()
        feed.record()
    folder = tmp_path_factory.mktemp("played")
    save_tape(folder / "tape.npz", tape.tape())
    feed.write(folder / "feed.ndjson.gz")
    return spec, folder / "tape.npz", folder / "feed.ndjson.gz"


@pytest.mark.slow
def test_a_market_is_calibrated_from_its_own_record(played: tuple[MarketSpec, Path, Path]) -> None:
    spec, tape, _ = played
    again = order_flow(TapeReader().read(tape))
    for name in ("limit_rate", "market_rate"):
        # Four standard deviations of a Poisson count over the session.
        rate = getattr(spec.flow, name)
        assert getattr(again, name) == pytest.approx(rate, abs=4 * (rate / spec.session_steps) ** 0.5), name


@pytest.mark.slow
def test_a_feed_shows_the_trades_and_the_quotes_of_the_tape(played: tuple[MarketSpec, Path, Path]) -> None:
    _, tape, feed = played
    recorded = TapeReader().read(tape)
    read = CoinbaseReader(tick_size=0.01, lot_size=1.0).read(feed)
    assert read.trades["quantity_lots"].sum() == recorded.trades["quantity_lots"].sum()
    assert order_flow(read).spread_ticks == pytest.approx(order_flow(recorded).spread_ticks, rel=0.02)
    assert order_flow(read).depth_lots == pytest.approx(order_flow(recorded).depth_lots, rel=0.02)
