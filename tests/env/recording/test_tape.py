from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.env.recording.tape import TapeRecorder
from marl_market.exchange.codes import CommandKind, EventKind, Liquidity
from marl_market.exchange.command_stream import read_levels
from marl_market.market.rules import SELF_TRADE, Rules
from marl_market.market.tape import FlowKind, Side, Tape
from tests.builders import actions, environment, market_spec
from tests.env.anything import any_environment
from tests.venue import Venue

STEPS = 60
Recorded = tuple[BatchMarket, Tape, NDArray[np.void], list[Any]]


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    """Return the batch after a session, its tape, all events, and the public record after the reset and each step."""
    batch = BatchMarket(environment(spec=market_spec(session_steps=STEPS)), 2)
    recorder = TapeRecorder(batch, 1)
    batch.reset([3, 4])
    recorder.open()
    events, publics = [], [batch.markets[1]["public"].copy()]
    for action in actions(batch, STEPS):
        batch.step(action)
        recorder.record()
        market = batch.markets[1]
        events.append(market["event"][: market["event_count"]].copy())
        publics.append(market["public"].copy())
    return batch, recorder.tape(), np.concatenate(events), publics


def test_trades_are_the_fills_once_each(recorded: Recorded) -> None:
    _, tape, events, _ = recorded
    makers = events[(events["kind"] == EventKind.FILLED) & (events["liquidity"] == Liquidity.MAKER)]
    assert len(makers) > 50
    for name, column in (("time_ns", "time_ns"), ("price_ticks", "price_ticks"), ("quantity_lots", "quantity_lots")):
        assert np.array_equal(tape.trades[name], makers[column])
    assert np.array_equal(tape.trades["aggressor_side"], -makers["side"])


def test_volumes_are_those_of_the_accounts(recorded: Recorded) -> None:
    batch, tape, _, publics = recorded
    account = batch.markets[1]["seat"]["account"]
    assert 2 * tape.trades["quantity_lots"].sum() == account["traded_lots"].sum()
    assert 2 * len(tape.trades) == account["trades"].sum()
    assert tape.trades["quantity_lots"].sum() == publics[-1]["session_lots"]
    taken = tape.flow["quantity_lots"][tape.flow["kind"] == FlowKind.MARKET]
    assert taken.sum() == tape.trades["quantity_lots"].sum()


def test_quotes_are_the_published_best_bid_and_offer_wherever_they_changed(recorded: Recorded) -> None:
    _, tape, _, publics = recorded
    expected: list[tuple[int, ...]] = []
    for public in publics:
        sides = []
        for index in (0, 1):
            best = public["level"][index, 0]
            there = public["depth"][index] > 0
            sides.append((int(best["price_ticks"]), int(best["quantity_lots"])) if there else (0, 0))
        (bid, bid_lots), (ask, ask_lots) = sides
        row = (int(public["time_ns"]), bid, ask, bid_lots, ask_lots)
        if not expected or row[1:] != expected[-1][1:]:
            expected.append(row)
    assert [tuple(row) for row in tape.quotes.tolist()] == expected
    assert len(expected) > STEPS // 2
    both = (tape.quotes["bid_quantity_lots"] > 0) & (tape.quotes["ask_quantity_lots"] > 0)
    assert both.sum() > STEPS // 2
    assert (tape.quotes["bid_price_ticks"] < tape.quotes["ask_price_ticks"])[both].all()


def test_times_never_run_back_and_stay_in_the_session(recorded: Recorded) -> None:
    batch, tape, _, _ = recorded
    for table in (tape.quotes, tape.trades, tape.flow):
        assert (np.diff(table["time_ns"]) >= 0).all()
        assert table["time_ns"][0] >= 0
        assert table["time_ns"][-1] <= STEPS * batch.environment.spec.step_ns
    assert tape.tick_size == batch.environment.spec.tick_size
    assert tape.lot_size == batch.environment.spec.lot_size


def test_flow_is_what_came_with_the_fills_of_one_order_merged(recorded: Recorded) -> None:
    batch, tape, events, publics = recorded
    expected: list[list[int]] = []
    markets: dict[int, list[int]] = {}
    for event in events:
        time, side, price, lots = (int(event[name]) for name in ("time_ns", "side", "price_ticks", "quantity_lots"))
        if event["kind"] == EventKind.FILLED and event["liquidity"] == Liquidity.TAKER:
            row = markets.setdefault(int(event["order_id"]), [time, FlowKind.MARKET, side, price, 0, 0])
            row[3] = price
            row[5] += lots
            if not expected or expected[-1] is not row:
                expected = [other for other in expected if other is not row] + [row]
        elif event["kind"] == EventKind.RESTED:
            expected.append([time, FlowKind.LIMIT, side, price, 0, lots])
        elif event["kind"] in (EventKind.CANCELED, EventKind.EXPIRED) and event["liquidity"] == Liquidity.MAKER:
            expected.append([time, FlowKind.CANCEL, side, price, 0, lots])
    for row in expected:
        public = publics[row[0] // batch.environment.spec.step_ns]
        opposite = 1 if row[2] == Side.BUY else 0
        if public["depth"][opposite] > 0:
            row[4] = row[2] * (int(public["level"][opposite, 0]["price_ticks"]) - row[3])
    assert [list(row) for row in tape.flow.tolist()] == expected
    assert set(tape.flow["kind"].tolist()) == set(FlowKind)
    fills = events[(events["kind"] == EventKind.FILLED) & (events["liquidity"] == Liquidity.TAKER)]
    assert len(markets) < len(fills), "no order was filled twice: nothing was merged"


def test_an_aggressor_through_two_levels_is_one_row_priced_at_the_last() -> None:
    venue = Venue()
    batch: Any = SimpleNamespace(markets=venue.markets, environment=SimpleNamespace(spec=venue.spec))
    recorder = TapeRecorder(batch)
    recorder.open()
    for seat, price in ((0, 1004), (0, 1006), (1, 1006)):
        venue.append(seat, CommandKind.LIMIT, Side.SELL, price, 5)
    venue.publish()
    recorder.record()
    venue.market["event_count"] = 0
    venue.market["time_ns"] = 7
    venue.append(2, CommandKind.LIMIT, Side.BUY, 1007, 12)
    venue.append(3, CommandKind.MARKET, Side.BUY, 0, 9)
    venue.append(2, CommandKind.LIMIT, Side.BUY, 1005, 1)
    venue.publish()
    recorder.record()
    tape = recorder.tape()
    assert tape.flow.tolist() == [
        (0, FlowKind.LIMIT, Side.SELL, 1004, 0, 5),
        (0, FlowKind.LIMIT, Side.SELL, 1006, 0, 5),
        (0, FlowKind.LIMIT, Side.SELL, 1006, 0, 5),
        (7, FlowKind.MARKET, Side.BUY, 1006, 1004 - 1006, 12),
        (7, FlowKind.MARKET, Side.BUY, 1006, 1004 - 1006, 3),
        (7, FlowKind.LIMIT, Side.BUY, 1005, 1004 - 1005, 1),
    ]
    assert [tuple(row) for row in tape.trades.tolist()] == [
        (7, price, Side.BUY, lots) for price, lots in ((1004, 5), (1006, 5), (1006, 2), (1006, 3))
    ]


def levels(batch: BatchMarket) -> dict[tuple[int, int], int]:
    """Return the displayed quantity of each side and price."""
    return {
        (side, price): quantity
        for side in Side
        for quantity, price, _ in read_levels(batch.markets, 0, (1 - side) >> 1).tolist()
    }


@pytest.mark.parametrize("self_trade", SELF_TRADE)
def test_flow_and_trades_rebuild_the_book_at_every_step(self_trade: str) -> None:
    spec = market_spec(session_steps=150, rules=Rules(self_trade=self_trade, price_band_ticks=30))
    batch = BatchMarket(any_environment(spec), 1)
    recorder = TapeRecorder(batch)
    batch.reset([5])
    recorder.open()
    displayed, events = [levels(batch)], []
    for action in actions(batch, spec.session_steps):
        batch.step(action)
        recorder.record()
        displayed.append(levels(batch))
        events.append(batch.markets[0]["event"][: batch.markets[0]["event_count"]].copy())
    assert set(np.unique(np.concatenate(events)["kind"])) == set(EventKind)
    tape, rebuilt = recorder.tape(), Counter(displayed[0])
    for step, expected in enumerate(displayed[1:]):
        flow = tape.flow[tape.flow["time_ns"] == step * spec.step_ns]
        trades = tape.trades[tape.trades["time_ns"] == step * spec.step_ns]
        for row in flow[flow["kind"] != FlowKind.MARKET]:
            change = int(row["quantity_lots"]) * (1 if row["kind"] == FlowKind.LIMIT else -1)
            rebuilt[int(row["side"]), int(row["price_ticks"])] += change
        for row in trades:
            rebuilt[-int(row["aggressor_side"]), int(row["price_ticks"])] -= int(row["quantity_lots"])
        assert {level: quantity for level, quantity in rebuilt.items() if quantity} == expected
        taken = flow["quantity_lots"][flow["kind"] == FlowKind.MARKET].sum()
        assert taken == trades["quantity_lots"].sum()


def test_a_trade_of_a_call_auction_has_no_aggressor() -> None:
    spec = market_spec(session_steps=20, rules=Rules(opening_auction_steps=8))
    batch = BatchMarket(any_environment(spec), 1)
    recorder = TapeRecorder(batch)
    batch.reset([5])
    recorder.open()
    called = []
    for action in actions(batch, spec.session_steps):
        batch.step(action)
        recorder.record()
        events = batch.markets[0]["event"][: batch.markets[0]["event_count"]]
        fills = events[events["kind"] == EventKind.FILLED]
        called += (fills["liquidity"][1::2] == Liquidity.AUCTION).tolist()
    tape = recorder.tape()
    assert 0 < sum(called) < len(called)
    assert (tape.trades["aggressor_side"] == 0).tolist() == called
    taken = tape.flow["quantity_lots"][tape.flow["kind"] == FlowKind.MARKET].sum()
    assert taken == tape.trades["quantity_lots"][tape.trades["aggressor_side"] != 0].sum()


def test_an_order_that_takes_twice_is_two_rows() -> None:
    venue = Venue()
    batch: Any = SimpleNamespace(markets=venue.markets, environment=SimpleNamespace(spec=venue.spec))
    venue.append(0, CommandKind.LIMIT, Side.SELL, 1004, 5)
    recorder = TapeRecorder(batch)
    venue.market["event_count"] = 0
    venue.publish()
    recorder.open()
    bid = venue.append(1, CommandKind.LIMIT, Side.BUY, 1004, 7)[0].order_id
    venue.append(0, CommandKind.LIMIT, Side.SELL, 1006, 3)
    venue.append(1, CommandKind.REPLACE, Side.BUY, 1006, 4, order_id=bid)
    venue.publish()
    recorder.record()
    assert [(kind, side, price, lots) for _, kind, side, price, _, lots in recorder.tape().flow.tolist()] == [
        (FlowKind.MARKET, Side.BUY, 1004, 5),
        (FlowKind.LIMIT, Side.BUY, 1004, 2),
        (FlowKind.LIMIT, Side.SELL, 1006, 3),
        (FlowKind.CANCEL, Side.BUY, 1004, 2),
        (FlowKind.MARKET, Side.BUY, 1006, 3),
        (FlowKind.LIMIT, Side.BUY, 1006, 1),
    ]


def test_a_tape_of_nothing_is_empty() -> None:
    batch = BatchMarket(environment(), 1)
    tape = TapeRecorder(batch).tape()
    assert len(tape.quotes) == len(tape.trades) == len(tape.flow) == 0
