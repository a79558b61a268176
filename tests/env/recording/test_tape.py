from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.validation import ActionError
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Group
from marl_market.env.recording.tape import TapeRecorder
from marl_market.env.step import event_logs
from marl_market.exchange.codes import CommandKind, EventKind, Liquidity
from marl_market.exchange.command_stream import read_levels
from marl_market.exchange.tape_rows import displayed_orders, tape_rows
from marl_market.market.latency import Delay, Latency
from marl_market.market.rules import SELF_TRADE, Rules
from marl_market.market.tape import FlowKind, Outcome, Side, Tape
from tests.builders import actions, environment, market_spec
from tests.env.anything import Anything, any_environment
from tests.venue import Venue

STEPS = 60
Recorded = tuple[BatchMarket, Tape, NDArray[np.void], list[Any], dict[tuple[int, int], int]]


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    """Return a batch after a session, tape, events, public records after reset and steps, levels after the reset."""
    batch = BatchMarket(environment(spec=market_spec(session_steps=STEPS)), 2)
    recorder = TapeRecorder(batch, 1)
    batch.reset([3, 4])
    recorder.open()
    events, publics, opening = [], [batch.markets[1]["public"].copy()], levels(batch, 1)
    for action in actions(batch, STEPS):
        batch.step(action)
        recorder.record()
        market = batch.markets[1]
        events.append(market["event"][: market["event_count"]].copy())
        publics.append(market["public"].copy())
    return batch, recorder.tape(), np.concatenate(events), publics, opening


def test_trades_are_the_fills_once_each(recorded: Recorded) -> None:
    _, tape, events, *_ = recorded
    makers = events[(events["kind"] == EventKind.FILLED) & (events["liquidity"] == Liquidity.MAKER)]
    assert len(makers) > 50
    for name, column in (("time_ns", "time_ns"), ("price_ticks", "price_ticks"), ("quantity_lots", "quantity_lots")):
        assert np.array_equal(tape.trades[name], makers[column])
    assert np.array_equal(tape.trades["aggressor_side"], -makers["side"])


def test_volumes_are_those_of_the_accounts(recorded: Recorded) -> None:
    batch, tape, _, publics, _ = recorded
    account = batch.markets[1]["seat"]["account"]
    assert 2 * tape.trades["quantity_lots"].sum() == account["traded_lots"].sum()
    assert 2 * len(tape.trades) == account["trades"].sum()
    assert tape.trades["quantity_lots"].sum() == publics[-1]["session_lots"]
    taken = tape.flow["quantity_lots"][tape.flow["kind"] == FlowKind.MARKET]
    assert taken.sum() == tape.trades["quantity_lots"].sum()


def best(public: Any) -> tuple[int, ...]:
    """Return the published best prices and quantities, as a row of quotes has them."""
    sides = []
    for index in (0, 1):
        level, there = public["level"][index, 0], public["depth"][index] > 0
        sides.append((int(level["price_ticks"]), int(level["quantity_lots"])) if there else (0, 0))
    (bid, bid_lots), (ask, ask_lots) = sides
    return bid, ask, bid_lots, ask_lots


def test_quotes_are_the_published_best_bid_and_offer_at_the_end_of_every_step(recorded: Recorded) -> None:
    _, tape, _, publics, _ = recorded
    ends = np.array([int(public["time_ns"]) for public in publics])
    last = np.searchsorted(tape.quotes["time_ns"], ends, side="left") - 1  # events of a step bear the time of its begin
    last[0] = 0
    assert [tuple(tape.quotes[row].tolist())[1:] for row in last] == [best(public) for public in publics]
    assert len(tape.quotes) > 2 * STEPS, "several changes in a step"
    rows = np.array([row[1:] for row in tape.quotes.tolist()])
    assert (rows[1:] != rows[:-1]).any(1).all(), "each row is a change"
    both = (tape.quotes["bid_quantity_lots"] > 0) & (tape.quotes["ask_quantity_lots"] > 0)
    assert (tape.quotes["bid_price_ticks"] < tape.quotes["ask_price_ticks"])[both].all()


def test_times_never_run_back_and_stay_in_the_session(recorded: Recorded) -> None:
    batch, tape, *_ = recorded
    for table in (tape.quotes, tape.trades, tape.flow):
        assert (np.diff(table["time_ns"]) >= 0).all()
        assert table["time_ns"][0] >= 0
        assert table["time_ns"][-1] <= STEPS * batch.environment.spec.step_ns
    assert tape.tick_size == batch.environment.spec.tick_size
    assert tape.lot_size == batch.environment.spec.lot_size


def test_flow_is_what_came_with_the_fills_of_one_order_merged(recorded: Recorded) -> None:
    _, tape, events, _, opening = recorded
    expected: list[list[int]] = []
    markets: dict[int, list[int]] = {}
    book, before, fresh = Counter(opening), 0, True

    def offset(side: int, price: int) -> int:
        opposite = [other for (their, other), lots in book.items() if their == -side and lots]
        return side * ((min(opposite) if side > 0 else max(opposite)) - price) if opposite else 0

    for event in events:
        time, side, price, lots = (int(event[name]) for name in ("time_ns", "side", "price_ticks", "quantity_lots"))
        if event["kind"] == EventKind.FILLED and event["liquidity"] == Liquidity.TAKER:
            row = markets.setdefault(int(event["order_id"]), [time, FlowKind.MARKET, side, price, before, 0])
            row[3] = price
            row[4] = before - side * price
            row[5] += lots
            if not expected or expected[-1] is not row:
                expected = [other for other in expected if other is not row] + [row]
        elif event["kind"] == EventKind.RESTED:
            expected.append([time, FlowKind.LIMIT, side, price, offset(side, price), lots])
            book[side, price] += lots
        elif event["kind"] in (EventKind.CANCELED, EventKind.EXPIRED) and event["liquidity"] == Liquidity.MAKER:
            expected.append([time, FlowKind.CANCEL, side, price, offset(side, price), lots])
            book[side, price] -= lots
        elif event["kind"] == EventKind.FILLED:
            before, fresh = (offset(-side, 0), False) if fresh else (before, fresh)
            book[side, price] -= lots
        elif event["kind"] in (EventKind.ACCEPTED, EventKind.TRIGGERED, EventKind.REPLACED):
            fresh = True
    assert [list(row) for row in tape.flow.tolist()] == expected
    assert set(tape.flow["kind"].tolist()) == set(FlowKind)
    fills = events[(events["kind"] == EventKind.FILLED) & (events["liquidity"] == Liquidity.TAKER)]
    assert len(markets) < len(fills), "no order was filled twice: nothing was merged"


def events_of(venue: Venue) -> NDArray[np.void]:
    events: NDArray[np.void] = venue.market["event"][: int(venue.market["event_count"])].copy()
    return events


def test_an_aggressor_through_two_levels_is_one_row_priced_at_the_last() -> None:
    venue = Venue()
    displayed = displayed_orders(venue.market)
    for seat, price in ((0, 1004), (0, 1006), (1, 1006)):
        venue.append(seat, CommandKind.LIMIT, Side.SELL, price, 5)
    venue.market["time_ns"] = 7
    venue.append(2, CommandKind.LIMIT, Side.BUY, 1007, 12)
    venue.append(3, CommandKind.MARKET, Side.BUY, 0, 9)
    venue.append(2, CommandKind.LIMIT, Side.BUY, 1005, 1)
    tape = tape_rows(displayed, 0, events_of(venue), 20)
    assert tape.flow.tolist() == [
        (0, FlowKind.LIMIT, Side.SELL, 1004, 0, 5),
        (0, FlowKind.LIMIT, Side.SELL, 1006, 0, 5),
        (0, FlowKind.LIMIT, Side.SELL, 1006, 0, 5),
        (7, FlowKind.MARKET, Side.BUY, 1006, 1004 - 1006, 12),
        (7, FlowKind.MARKET, Side.BUY, 1006, 0, 3),
        (7, FlowKind.LIMIT, Side.BUY, 1005, 0, 1),
    ]
    assert tape.quotes.tolist() == [
        (0, 0, 0, 0, 0),
        (0, 0, 1004, 0, 5),
        (7, 0, 1006, 0, 10),
        (7, 0, 1006, 0, 5),
        (7, 0, 1006, 0, 3),
        (7, 0, 0, 0, 0),
        (7, 1005, 0, 1, 0),
    ]
    assert tape.orders.tolist() == [
        (0, 7, 7, Outcome.FILLED, Side.SELL, 1004, 0, 5, 5),
        (0, 7, 7, Outcome.FILLED, Side.SELL, 1006, 0, 5, 5),
        (0, 7, 7, Outcome.FILLED, Side.SELL, 1006, 0, 5, 5),
        (7, 20, 0, Outcome.OPEN, Side.BUY, 1005, 0, 1, 0),
    ]
    assert [tuple(row) for row in tape.trades.tolist()] == [
        (7, price, Side.BUY, lots) for price, lots in ((1004, 5), (1006, 5), (1006, 2), (1006, 3))
    ]


def levels(batch: BatchMarket, market: int = 0) -> dict[tuple[int, int], int]:
    """Return the displayed quantity of each side and price."""
    return {
        (side, price): quantity
        for side in Side
        for quantity, price, _ in read_levels(batch.markets, market, (1 - side) >> 1).tolist()
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
    venue.append(0, CommandKind.LIMIT, Side.SELL, 1004, 5)
    displayed = displayed_orders(venue.market)
    venue.market["event_count"] = 0
    bid = venue.append(1, CommandKind.LIMIT, Side.BUY, 1004, 7)[0].order_id
    venue.append(0, CommandKind.LIMIT, Side.SELL, 1006, 3)
    venue.append(1, CommandKind.REPLACE, Side.BUY, 1006, 4, order_id=bid)
    tape = tape_rows(displayed, 0, events_of(venue), 20)
    assert [(kind, side, price, lots) for _, kind, side, price, _, lots in tape.flow.tolist()] == [
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


@pytest.mark.parametrize("threads", [1, 2])
def test_steps_played_at_once_are_recorded_as_one_by_one(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_logs, "SPARE_EVENTS", 40)  # so that several compiled calls are needed
    spec = market_spec(session_steps=STEPS, latency=Latency(entry=Delay(exponential_ns=2e9)))
    described = environment((Group("noise", ZeroIntelligence(), 3), Group("any", Anything(), 3)), spec=spec)
    one, many = BatchMarket(described, 3), BatchMarket(described, 3, threads)
    recorders = [[TapeRecorder(batch, market) for market in (0, 2)] for batch in (one, many)]
    for batch in (one, many):
        batch.reset([3, 4, 5])
    for recorder in (*recorders[0], *recorders[1]):
        recorder.open()
    nothing = np.zeros((3, 0, one.environment.action_size), np.float32)
    for _ in range(STEPS):
        result = one.step(nothing)
        for recorder in recorders[0]:
            recorder.record()
    many.play(STEPS - 1, recorders=recorders[1])
    played = many.play(1, recorders=recorders[1])
    for expected, recorder in zip(*recorders, strict=True):
        assert expected.tape().digest() == recorder.tape().digest()
        assert len(recorder.tape().trades) > STEPS
    assert played.truncated
    assert result.truncated
    assert np.array_equal(played.reward, result.reward)
    assert np.array_equal(one.get_state().content, many.get_state().content)
    with pytest.raises(ValueError, match="the steps that are left"):
        many.play(1)


def test_external_seats_keep_the_action_that_is_played() -> None:
    one, many = BatchMarket(environment(), 2), BatchMarket(environment(), 2)
    action = actions(one, 1)[0]
    for batch in (one, many):
        batch.reset([3, 4])
    many.play(5, action)
    for _ in range(5):
        one.step(action)
    assert np.array_equal(one.get_state().content, many.get_state().content)
    with pytest.raises(ActionError, match="float32 of shape"):
        many.play(1)
    with pytest.raises(ActionError, match="nan"):
        many.play(1, np.full_like(action, np.nan))
    many.step(action)


def test_events_that_are_not_kept_are_an_error() -> None:
    batch = BatchMarket(environment(), 2)
    with pytest.raises(RuntimeError, match="market 1 are not kept"):
        batch.events_of(1)


def test_lives_of_orders_are_those_of_the_events(recorded: Recorded) -> None:
    batch, tape, events, *_ = recorded
    expected: dict[int, list[int]] = {}
    for event in events:
        time, number, side, price, lots = (
            int(event[name]) for name in ("time_ns", "order_id", "side", "price_ticks", "quantity_lots")
        )
        if event["kind"] == EventKind.RESTED:
            expected[number] = [time, STEPS * batch.environment.spec.step_ns, 0, Outcome.OPEN, side, price, 0, lots, 0]
        elif number in expected and event["liquidity"] == Liquidity.MAKER:
            life = expected[number]
            life[1] = time
            if event["kind"] == EventKind.FILLED:
                life[2] = life[2] if life[8] else time
                life[8] += lots
                life[3] = Outcome.FILLED
                if life[8] < life[7]:
                    life[1], life[3] = STEPS * batch.environment.spec.step_ns, Outcome.OPEN
            else:
                life[3] = Outcome.CANCELED
    assert [list(row) for row in tape.orders.tolist()] == list(expected.values())
    assert set(tape.orders["outcome"].tolist()) == set(Outcome)
    assert tape.sessions.tolist() == [[0, STEPS * batch.environment.spec.step_ns]]
