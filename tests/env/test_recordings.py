"""Recordings of a session: its feed, its commands and its candles, each against the engine itself."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from marl_market.calibration.readers.coinbase import CoinbaseReader
from marl_market.env.batch_market import BatchMarket
from marl_market.env.recording.commands import CommandRecorder
from marl_market.env.recording.feed import SESSION_START_NS, FeedRecorder
from marl_market.env.recording.tape import TapeRecorder
from marl_market.exchange.codes import CommandKind, EventKind, Liquidity
from marl_market.exchange.command_stream import event_digest, read_levels
from marl_market.exchange.exchange import Exchange
from marl_market.exchange.feed import FeedPublisher
from marl_market.exchange.replay import CommandLog, load_log, replay, save_log
from marl_market.market.candles import candles
from marl_market.market.feed import BookSnapshot, BookUpdate, Message, Trade
from marl_market.market.feed_file import read_feed
from marl_market.market.fees import Fees
from marl_market.market.rules import Rules
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import Side, Tape
from marl_market.market.units import decimal
from tests.builders import actions, environment, market_spec
from tests.env.anything import any_environment

SPECS = (
    market_spec(session_steps=40),
    market_spec(session_steps=25, tick_size=0.25, lot_size=1e-3, cash_unit=1e-5, initial_price=400.0),
)
RULED = market_spec(
    session_steps=60,
    rules=Rules(
        self_trade="decrement",
        price_band_ticks=30,
        opening_auction_steps=5,
        closing_auction_steps=3,
        halt_move_ticks=8,
        halt_window_steps=10,
        halt_steps=2,
    ),
    fee_tiers=(Fees(taker_rate=0.0001, from_quantity=50.0),),
)


Levels = dict[tuple[Side, Any], Any]


class Rebuilt:
    """A book built from the messages alone."""

    def __init__(self) -> None:
        self.level: Levels = {}

    def take(self, message: Message) -> None:
        if isinstance(message, BookSnapshot):
            sides = ((Side.BUY, message.bids), (Side.SELL, message.asks))
            self.level = {(side, price): size for side, levels in sides for price, size in levels}
        elif isinstance(message, BookUpdate):
            for side, price, size in message.changes:
                if size:
                    self.level[side, price] = size
                else:
                    del self.level[side, price]


def levels_of(batch: BatchMarket, market: int) -> Levels:
    spec = batch.environment.spec
    return {
        (side, decimal(spec.tick_size) * price): decimal(spec.lot_size) * quantity
        for side in Side
        for quantity, price, _ in read_levels(batch.markets, market, (1 - side) >> 1).tolist()
    }


@given(seed=st.integers(0, 2**31), spec=st.sampled_from((*SPECS, RULED)), market=st.integers(0, 1))
@settings(max_examples=15)
def test_a_book_rebuilt_from_the_feed_is_the_engines_at_every_step(seed: int, spec: Any, market: int) -> None:
    batch = BatchMarket(any_environment(spec) if spec is RULED else environment(spec=spec), 2)
    feed, rebuilt, taken = FeedRecorder(batch, market), Rebuilt(), 0
    batch.reset([seed, seed + 1])
    feed.open()
    for action in [None, *actions(batch, spec.session_steps, seed)]:
        if action is not None:
            batch.step(action)
            feed.record()
        for message in feed.messages[taken:]:
            rebuilt.take(message)
        taken = len(feed.messages)
        assert rebuilt.level == levels_of(batch, market)
    trades = [message for message in feed.messages if isinstance(message, Trade)]
    assert [trade.sequence for trade in trades] == list(range(1, len(trades) + 1))
    lots = sum((trade.size for trade in trades), decimal(0)) / decimal(spec.lot_size)
    assert lots == int(batch.markets["public"]["session_lots"][market]) > 0
    assert sum(isinstance(message, BookUpdate) for message in feed.messages) > spec.session_steps / 2


def at_ends_of_steps(tape: Tape, spec: MarketSpec) -> NDArray[np.void]:
    """Return the quotes at the end of each step where they differ from those before; its events bear its begin."""
    ends = np.arange(spec.session_steps + 1) * spec.step_ns
    rows = tape.quotes[np.maximum(np.searchsorted(tape.quotes["time_ns"], ends, side="left") - 1, 0)]
    rows["time_ns"] = ends
    values = rows[list(rows.dtype.names[1:])]
    return rows[np.append(True, values[1:] != values[:-1])]


@pytest.mark.parametrize("spec", SPECS)
def test_the_feed_is_written_and_read_back_as_the_tape_of_the_session(tmp_path: Path, spec: Any) -> None:
    batch = BatchMarket(environment(spec=spec), 1)
    tape, feed = TapeRecorder(batch), FeedRecorder(batch, product_id="TEST-EUR")
    batch.reset([5])
    for recorder in (tape, feed):
        recorder.open()
    for action in actions(batch, spec.session_steps):
        batch.step(action)
        for recorder in (tape, feed):
            recorder.record()
    path = tmp_path / "feed.ndjson.gz"
    feed.write(path)
    dated = [replace(message, time_ns=message.time_ns + SESSION_START_NS) for message in feed.messages]
    assert list(read_feed(path)) == dated
    read = CoinbaseReader(tick_size=spec.tick_size, lot_size=spec.lot_size).read(path)
    recorded = tape.tape()
    assert (read.tick_size, read.lot_size, read.currency) == (spec.tick_size, spec.lot_size, "EUR")
    assert read.provenance.rows == len(feed.messages)
    trades, quotes = read.trades.copy(), read.quotes.copy()
    for rows in (trades, quotes):
        rows["time_ns"] -= SESSION_START_NS
        assert rows.size > 10
    assert trades.tolist() == recorded.trades.tolist()
    assert quotes.tolist() == at_ends_of_steps(recorded, spec).tolist()


def test_a_feed_may_be_published_command_by_command() -> None:
    spec = market_spec(name="abc")
    exchange = Exchange(spec, 3)
    publisher, rebuilt = FeedPublisher(spec, exchange.markets), Rebuilt()
    rebuilt.take(publisher.snapshot())
    assert publisher.publish(exchange.cancel_all(0)) == []
    (placed,) = publisher.publish(exchange.submit_limit(0, Side.SELL, "10.01", 5))
    exchange.advance(7)
    resting = exchange.submit_limit(1, Side.SELL, "10.02", 4)
    publisher.publish(resting)
    bought = exchange.submit_limit(2, Side.BUY, "10.02", 6, client_order_id=3)
    first, second, update = publisher.publish(bought)
    assert isinstance(placed, BookUpdate)
    assert isinstance(first, Trade)
    assert isinstance(second, Trade)
    assert isinstance(update, BookUpdate)
    assert (placed.product_id, placed.time_ns, update.time_ns) == ("abc-USD", 0, 7)
    assert placed.changes == ((Side.SELL, decimal("10.01"), decimal(5)),)
    assert (first.side, first.price, first.size) == (Side.SELL, decimal("10.01"), decimal(5))
    assert (first.trade_id, second.trade_id, second.sequence) == (1, 2, 2)
    assert second.size == 1
    assert second.maker_order_id == str(resting["order_id"][0])
    assert second.taker_order_id == str(bought["order_id"][0])
    assert update.changes == tuple(
        (Side.SELL, decimal(price), decimal(left)) for price, left in (("10.01", 0), ("10.02", 3))
    )


def record_session(spec: MarketSpec = SPECS[0]) -> tuple[BatchMarket, CommandLog, Any]:
    """Play a session; return the batch at its end, the recording and the events."""
    batch = BatchMarket(any_environment(spec) if spec is RULED else environment(spec=spec), 2)
    recorder = CommandRecorder(batch, 1)
    batch.reset([1, 3])
    recorder.open()
    events = []
    for action in actions(batch, spec.session_steps):
        batch.step(action)
        recorder.record()
        events.append(batch.markets[1]["event"][: batch.markets[1]["event_count"]].copy())
    return batch, recorder.log(), np.concatenate(events)


@pytest.mark.parametrize("spec", [*SPECS, RULED])
def test_a_recorded_session_written_and_read_back_happens_again_bit_for_bit(tmp_path: Path, spec: Any) -> None:
    batch, log, events = record_session(spec)
    path = tmp_path / "session.npz"
    save_log(path, log)
    assert [entry.name for entry in tmp_path.iterdir()] == ["session.npz"]
    again, markets = replay(load_log(path))
    assert (events["kind"] == EventKind.FILLED).sum() > 20
    assert np.unique(events["time_ns"]).size > 20
    assert event_digest(again) == event_digest(events)
    played = batch.markets[1:2]
    for index in (0, 1):
        assert read_levels(markets, 0, index).tolist() == read_levels(played, 0, index).tolist() != []
    for name in ("account", "live", "order_sequence"):
        assert markets["seat"][name].tobytes() == played["seat"][name].tobytes(), name
    for name in ("step", "reference_ticks", "twice_mark_ticks", "last_trade_ticks", "step_trades", "level"):
        assert markets["public"][name].tobytes() == played["public"][name].tobytes(), name
    for name in ("fees_collected", "trade_sequence", "phase", "time_ns"):
        assert markets[name] == played[name], name


def test_the_session_of_all_rules_has_seen_them_all() -> None:
    _, log, events = record_session(RULED)
    assert set(np.unique(log.command["kind"])) >= set(CommandKind) - {CommandKind.CANCEL_ALL}
    assert set(np.unique(events["kind"])) == set(EventKind)
    assert set(np.unique(events["liquidity"])) == {0, *Liquidity}
    assert (log.command["display_lots"] > 0).any()


def test_a_replay_changes_nothing_in_its_recording_and_any_other_command_changes_the_events() -> None:
    _, log, events = record_session()
    first, second = (event_digest(replay(log)[0]) for _ in range(2))
    assert first == second == event_digest(events)
    command = log.command.copy()
    command["quantity_lots"][np.flatnonzero(command["kind"] == CommandKind.LIMIT)[-1]] += 1
    assert event_digest(replay(replace(log, command=command))[0]) != first
    assert event_digest(replay(replace(log, step_ns=log.step_ns + 1))[0]) != first
    with pytest.raises(ValueError, match=rf"^arrivals add up to \d+; the recording has {log.command.size} commands$"):
        replay(replace(log, arrivals=log.arrivals[1:]))
    with pytest.raises(ValueError, match=r"^seat of command 0 is 900; the market has seats 0 to 5$"):
        replay(replace(log, seat=log.seat + np.int32(900 - log.seat[0])))


def test_an_invalid_recording_raises_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "log.npz"
    path.write_bytes(b"no zip file")
    with pytest.raises(ValueError, match=r"log\.npz is no recording"):
        load_log(path)
    _, log, _ = record_session()
    np.savez(path, opening=log.opening, seat=log.seat, arrivals=log.arrivals)
    with pytest.raises(ValueError, match=r"log\.npz has no array .*command.*; a recording has"):
        load_log(path)
    save_log(path, replace(log, opening=np.zeros(1, [("book", np.int64)])))
    with pytest.raises(ValueError, match="opening is no market record of this version; record the market anew"):
        load_log(path)
    save_log(path, replace(log, seat=log.seat.astype(np.int64)))
    with pytest.raises(ValueError, match=r"seat has 1 dimension\(s\) of int64; it must have one of int32"):
        load_log(path)


def test_candles_of_a_tape_are_those_of_the_engine() -> None:
    spec = market_spec(session_steps=190)
    batch = BatchMarket(environment(spec=spec), 1)
    batch.markets["public"]["tracks_history"] = 1
    tape = TapeRecorder(batch)
    batch.reset([8])
    tape.open()
    closed: dict[int, list[tuple[int, ...]]] = {steps: [] for steps in spec.candle_steps}
    for action in actions(batch, spec.session_steps):
        batch.step(action)
        tape.record()
        public = batch.markets[0]["public"]
        for candle in public["candle"]:
            if public["step"] % candle["steps"] == 0:
                begin = int(public["time_ns"]) - int(candle["steps"]) * spec.step_ns
                row = [int(candle[f"{name}_ticks"]) for name in ("open", "high", "low", "close")]
                closed[int(candle["steps"])].append((begin, *row, int(candle["volume_lots"])))
    for steps, expected in closed.items():
        rows = candles(tape.tape(), steps * spec.step_ns).tolist()
        engine = [row for row in expected if rows[0][0] <= row[0] <= rows[-1][0]]
        assert engine == rows[: len(engine)]
        assert len(engine) > spec.session_steps // steps - 2 > 0
        assert sum(row[-1] for row in engine) > 0
