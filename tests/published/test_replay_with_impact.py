"""The same hour of AAPL as the background of a market: alone it is itself, and a market maker's impact is measured."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from marl_market.agents.scripted.fixed_spread import FixedSpread
from marl_market.agents.scripted.replay import Replay
from marl_market.calibration.readers.lobster import LobsterReader
from marl_market.calibration.recorded_messages import RecordedMessages
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Group
from marl_market.env.recording.tape import TapeRecorder
from marl_market.market.tape import Tape
from tests.builders import environment, market_spec
from tests.replays import SECOND, no_actions

FOLDER = Path(os.environ.get("MARL_MARKET_DATA", Path(__file__).parents[3] / "shared" / "data")) / "lobster"
MESSAGES, REBUILT = (
    f"AAPL_2012-06-21_34200000_37800000_{name}.csv.gz" for name in ("message_50", "orderbook_10.rebuilt")
)
OFFICIAL_MESSAGES, OFFICIAL_BOOK = (
    f"AAPL_2012-06-21_34200000_57600000_{name}_10.head998.csv.gz" for name in ("message", "orderbook")
)
MISSING = [name for name in (MESSAGES, REBUILT, OFFICIAL_MESSAGES, OFFICIAL_BOOK) if not (FOLDER / name).exists()]
LEVELS = 10

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(MISSING), reason=f"real data {', '.join(MISSING)} is missing in {FOLDER}; set MARL_MARKET_DATA"
    ),
]

RECORDED = RecordedMessages(str(FOLDER / MESSAGES), book=str(FOLDER / OFFICIAL_BOOK))


def batch_of(*others: Group, **spec: Any) -> BatchMarket:
    fields = {"session_steps": 3600, "warmup_steps": 0, "initial_price": 585.0, **spec}
    return BatchMarket(
        environment([Group("recorded", Replay(RECORDED, 0.0), 40), *others], spec=market_spec(**fields)), 1
    )


def play(batch: BatchMarket) -> tuple[NDArray[np.int64], Tape]:
    """Return the published book behind every step (steps, levels, ask and bid, price and quantity), and the tape."""
    batch.reset([1])
    recorder = TapeRecorder(batch)
    recorder.open()
    steps = batch.environment.spec.session_steps
    books = np.zeros((steps, LEVELS, 2, 2), np.int64)
    for step in range(steps):
        batch.step(no_actions(batch))
        recorder.record()
        public = batch.markets[0]["public"]
        for index in range(2):
            depth = public["depth"][index]
            books[step, :depth, 1 - index, 0] = public["level"]["price_ticks"][index, :depth]
            books[step, :depth, 1 - index, 1] = public["level"]["quantity_lots"][index, :depth]
    return books, recorder.tape()


def book_behind(name: str, messages: str, first_ns: int, steps: int, step_ns: int) -> NDArray[np.int64]:
    """Return the rows of a book file (steps, levels, ask and bid, price and quantity) that end each step."""
    rows = pd.read_csv(FOLDER / name, header=None).to_numpy().reshape(-1, LEVELS, 2, 2) // np.array([100, 1])
    time_ns = np.round(pd.read_csv(FOLDER / messages, header=None)[0].to_numpy() * 1e9).astype(np.int64)
    return np.asarray(rows[np.searchsorted(time_ns, first_ns + step_ns * np.arange(1, steps + 1)) - 1])


def tally_of(batch: BatchMarket) -> dict[str, int]:
    results = batch.replay_results()
    assert results is not None
    return {name: int(results.tally[0][name]) for name in results.tally.dtype.names or ()}


@pytest.fixture(scope="module")
def alone() -> tuple[BatchMarket, NDArray[np.int64], Tape]:
    batch = batch_of()
    return batch, *play(batch)


def test_alone_every_trade_is_the_recorded_one(alone: Any) -> None:
    _, _, tape = alone
    recording = LobsterReader(tick_size=0.01, lot_size=1.0).read(FOLDER / MESSAGES)
    trades = tape.trades.copy()
    trades["time_ns"] += recording.sessions[0, 0]
    # Two hidden executions, at a visible order's price and beyond, are left out and counted.
    left_out = RECORDED.replay_tape(0.01, 1.0).left_out
    assert left_out == {
        "queue places of orders that the venue passed over": 9,
        "hidden fills not between the quotes": 2,
    }
    there = np.isin(recording.trades, trades)
    assert recording.trades.size == 4067 + 2201
    assert (~there).sum() == 2
    assert recording.hidden[~there].all()
    np.testing.assert_array_equal(trades, recording.trades[there])


def test_alone_the_book_is_the_recorded_one(alone: Any) -> None:
    batch, books, _ = alone
    tally = tally_of(batch)
    assert tally["fills"] == tally["reproduced_fills"] == 4067 + 2199
    undisturbed = {"messages", "fills", "reproduced_fills", "taken_lots"}
    assert {name for name, value in tally.items() if value} == undisturbed
    results = batch.replay_results()
    assert results is not None
    assert (results.divergence_ticks == 0).all()
    first_ns = int(RECORDED.replay_tape(0.01, 1.0).sessions[0, 0])
    agrees = (books == book_behind(REBUILT, MESSAGES, first_ns, 3600, SECOND)).all((2, 3))
    assert agrees[:, 0].all()
    # The rebuilt file knows 44 orders too early, see test_lobster_replay.
    assert agrees.all(1).mean() == pytest.approx(0.98972, abs=1e-4)


def test_alone_ten_levels_are_the_official_ones() -> None:
    """Behind every millisecond of the 49 seconds that the venue's own book file covers."""
    steps, step_ns = 48_000, SECOND // 1000
    batch = batch_of(step_ns=step_ns, session_steps=steps)
    books, _ = play(batch)
    first_ns = int(RECORDED.replay_tape(0.01, 1.0).sessions[0, 0])
    assert (books == book_behind(OFFICIAL_BOOK, OFFICIAL_MESSAGES, first_ns, steps, step_ns)).all()


def test_a_market_maker_leaves_its_mark_and_all_of_it_is_counted(alone: Any) -> None:
    batch = batch_of(Group("maker", FixedSpread()))
    play(batch)
    tally, account = tally_of(batch), batch.markets["seat"]["account"][0]
    maker = batch.environment.seats_of("maker").start
    assert 0 < tally["diverted_lots"] + tally["crossed_lots"] <= account["traded_lots"][maker]
    assert 0 < tally["displaced_lots"] <= tally["diverted_lots"]
    assert tally["taken_lots"] - tally["unexecuted_lots"] == account["traded_lots"][39]
    assert 0.5 < tally["reproduced_fills"] / tally["fills"] < 1
    assert [error.item() for error in batch.conservation_errors()] == [0, 0]
    results = batch.replay_results()
    assert results is not None
    assert 0 < np.abs(results.divergence_ticks).mean() < 5
    # No recorded order is larger than in the record, and the book of recorded orders has healed but for a few.
    here, recorded = recorded_levels(batch), recorded_levels(alone[0])
    assert set(here) <= set(recorded)
    assert all(lots <= recorded[level] for level, lots in here.items())
    assert sum(here.get(level) == lots for level, lots in recorded.items()) / len(recorded) > 0.9


def recorded_levels(batch: BatchMarket) -> Counter[tuple[int, int]]:
    """Return the quantity of the recorded orders at each side and price as the session ends."""
    levels: Counter[tuple[int, int]] = Counter()
    for seat in batch.markets[0]["seat"][batch.environment.seats_of("recorded")]:
        for slot, order in enumerate(seat["order"]):
            if int(seat["live"]) >> slot & 1:
                levels[int(order["side"]), int(order["price_ticks"])] += int(order["leaves_quantity"])
    return levels
