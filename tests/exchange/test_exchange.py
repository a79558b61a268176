from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from marl_market.exchange import command_stream as stream
from marl_market.exchange.capacity import CAPACITY_SEATS
from marl_market.exchange.codes import CommandKind, EventKind, Phase, Reason, TimeInForce
from marl_market.exchange.command_stream import event_digest, process_stream
from marl_market.exchange.exchange import Exchange
from marl_market.exchange.records import COMMAND, SEAT_ORDERS
from marl_market.exchange.values import Indicative, Level
from marl_market.market.fees import Fees
from marl_market.market.rules import Rules
from marl_market.market.tape import Side
from tests.builders import market_spec

BUY, SELL = Side.BUY, Side.SELL


def random_stream(seats: int, count: int, seed: int = 0) -> tuple[Any, Any]:
    """Return seats and commands of a busy book, with now and then a cancel of all that a seat has."""
    random = np.random.default_rng(seed)
    commands = np.zeros(count, COMMAND)
    commands["kind"] = random.choice(
        [CommandKind.LIMIT] * 12 + [CommandKind.MARKET] * 4 + [CommandKind.CANCEL_ALL], count
    )
    commands["side"] = random.choice([1, -1], count)
    commands["price_ticks"] = 1000 - 3 * commands["side"] + random.integers(-5, 6, count)
    commands["quantity_lots"] = random.integers(1, 9, count)
    commands["client_order_id"] = np.arange(count)
    return random.integers(0, seats, count), commands


def test_amounts_are_currency_and_units_outside() -> None:
    exchange = Exchange(market_spec(lot_size=0.5, fees=Fees(maker_per_unit=-0.01, taker_rate=0.001)), 2)
    exchange.submit_limit(0, SELL, "10.02", 3)
    exchange.submit_limit(0, SELL, 10.01, Decimal("1.5"))
    exchange.submit_limit(0, BUY, Decimal(9), 1)
    assert (exchange.best_bid, exchange.best_ask) == (Decimal(9), Decimal("10.01"))
    assert exchange.levels(SELL) == [
        Level(Decimal("10.01"), Decimal("1.5"), 1),
        Level(Decimal("10.02"), Decimal(3), 1),
    ]
    exchange.submit_market(1, BUY, 2)
    buyer, seller = exchange.account(1), exchange.account(0)
    assert (buyer.position, seller.position, buyer.traded) == (Decimal(2), Decimal(-2), Decimal(2))
    assert (buyer.trades, seller.trades) == (2, 2)
    assert buyer.fees == Decimal("0.015015") + Decimal("0.00501")
    assert buyer.cash == -(Decimal("15.015") + Decimal("5.01")) - buyer.fees
    assert (seller.fees, seller.cash) == (Decimal("-0.02"), Decimal("20.045"))
    assert exchange.levels(SELL) == [Level(Decimal("10.02"), Decimal("2.5"), 1)]


def test_the_indicative_price_of_a_call_is_that_of_the_present_book() -> None:
    exchange = Exchange(market_spec(lot_size=0.5, rules=Rules(opening_auction_steps=2)), 3)
    assert (exchange.phase, exchange.indicative) == (Phase.AUCTION, None)
    exchange.submit_limit(0, BUY, 10.03, 4)
    exchange.submit_limit(1, SELL, 10.02, "1.5")
    assert exchange.indicative == (Decimal("10.02"), Decimal("1.5"), Decimal("2.5"))
    exchange.submit_limit(2, SELL, 9.99, 3)
    assert exchange.indicative == Indicative(Decimal("10.02"), Decimal(4), Decimal("-0.5"))
    exchange.step()
    fills = exchange.step()
    assert set(fills["price_ticks"]) == {1002}
    assert (exchange.phase, exchange.indicative) == (Phase.CONTINUOUS, None)


def test_a_command_returns_its_own_events() -> None:
    exchange = Exchange(market_spec(), 2)
    resting = exchange.submit_limit(0, SELL, 10, 5, client_order_id=7)
    assert resting["kind"].tolist() == [EventKind.ACCEPTED, EventKind.RESTED]
    assert resting["client_order_id"].tolist() == [7, 7]
    exchange.advance(250)
    events = exchange.submit_market(1, BUY, 2, client_order_id=8)
    assert events["kind"].tolist() == [EventKind.ACCEPTED, EventKind.FILLED, EventKind.FILLED]
    assert events["time_ns"].tolist() == [250] * 3
    assert exchange.cancel(1, int(resting["order_id"][0]))["reason"].tolist() == [Reason.ORDER_UNKNOWN]
    assert exchange.cancel(0, int(resting["order_id"][0]))["quantity_lots"].tolist() == [3]
    assert exchange.best_ask is None
    assert exchange.best_bid is None
    for price in (9, 8):
        exchange.submit_limit(0, BUY, price, 1)
    assert exchange.cancel_all(0)["kind"].tolist() == [EventKind.CANCELED] * 2
    assert exchange.cancel_all(0).size == 0
    assert exchange.account(1).rejected == 1
    assert exchange.submit_limit(0, BUY, 9, 0)["reason"].tolist() == [Reason.QUANTITY_NOT_POSITIVE]


def kinds(events: Any) -> list[EventKind]:
    return [EventKind(kind) for kind in events["kind"].tolist()]


def test_every_kind_of_order_can_be_sent() -> None:
    exchange = Exchange(market_spec(lot_size=0.5), 3)
    iceberg = int(exchange.submit_limit(0, SELL, "10.02", 5, display=2)["order_id"][0])
    assert exchange.levels(SELL) == [Level(Decimal("10.02"), Decimal(2), 1)]
    rejected = exchange.submit_limit(1, BUY, "10.02", 1, time_in_force=TimeInForce.POST_ONLY)
    assert rejected["reason"].tolist() == [Reason.WOULD_TAKE]
    assert kinds(exchange.replace(0, iceberg, "10.01", "4.5"))[:2] == [EventKind.CANCELED, EventKind.REPLACED]
    assert exchange.best_ask == Decimal("10.01")
    assert exchange.submit_limit(0, SELL, "10.03", 9)["kind"].size == 2
    stop = exchange.submit_stop(2, BUY, "10.01", 1, client_order_id=4)
    limited = exchange.submit_stop(2, SELL, "9.99", 1, price="9.95")
    assert kinds(stop) == kinds(limited) == [EventKind.ACCEPTED]
    events = exchange.submit_market(1, BUY, 4)
    assert EventKind.TRIGGERED in kinds(events)
    assert exchange.account(2).position == 1
    assert exchange.account(1).position == 4
    assert exchange.best_ask == Decimal("10.03")
    assert exchange.account(0).realized == 0


def test_a_replacement_keeps_what_is_not_given() -> None:
    exchange = Exchange(market_spec(), 3)
    exchange.submit_limit(0, SELL, "10.05", 20)
    stop = int(exchange.submit_stop(2, BUY, "10.50", 10)["order_id"][0])
    limited = int(exchange.submit_stop(2, BUY, "10.50", 10, price="10.60", display=4, lifetime_steps=3)["order_id"][0])
    for order in (stop, limited):
        assert kinds(exchange.replace(2, order, quantity=8)) == [EventKind.REPLACED], "the trigger stays"
    with pytest.raises(ValueError, match=r"^price is 11; order \d+ has none$"):
        exchange.replace(2, stop, price=11)
    assert EventKind.TRIGGERED not in kinds(exchange.replace(2, limited, trigger=11, price="10.20"))
    exchange.cancel(2, limited)
    exchange.submit_limit(1, SELL, 11, 1)
    order = int(exchange.submit_limit(1, BUY, 9, 10)["order_id"][0])
    with pytest.raises(ValueError, match=r"^trigger is 9; order \d+ waits for none$"):
        exchange.replace(1, order, trigger=9)
    exchange.replace(2, stop, trigger="10.05")
    assert exchange.replace(0, 5, 1, 1)["reason"].tolist() == [Reason.ORDER_UNKNOWN]
    assert EventKind.TRIGGERED in kinds(exchange.submit_market(1, BUY, 1))
    assert exchange.account(2).position == 8


def test_a_replacement_by_total_counts_what_is_filled() -> None:
    exchange = Exchange(market_spec(), 2)
    order = int(exchange.submit_limit(0, BUY, 10, 10)["order_id"][0])
    exchange.submit_market(1, SELL, 6)
    assert exchange.replace(0, order, quantity=10, counts_filled=True)["quantity_lots"].tolist() == [4]
    assert exchange.replace(0, order, quantity=9, counts_filled=True)["leaves_quantity"].tolist() == [3, 3]
    assert exchange.replace(0, order, price="9.99", counts_filled=True)["quantity_lots"][-1] == 3
    events = exchange.replace(0, order, quantity=6, counts_filled=True)
    assert (kinds(events), events["reason"].tolist()) == ([EventKind.CANCELED], [Reason.BY_OWNER])


def test_each_command_counts_the_refreshes_of_icebergs_anew() -> None:
    exchange = Exchange(market_spec(), 2)
    exchange.submit_limit(0, SELL, 10, 1000, display=1)
    for _ in range(5):
        exchange.submit_market(1, BUY, 15)
        assert exchange.levels(SELL)[0].quantity == 1
    exchange.submit_market(1, BUY, 30)
    assert exchange.levels(SELL)[0].quantity == 1000 - 75 - 30, "documented: more refreshes than a command may make"


def test_a_step_lets_happen_what_happens_by_itself() -> None:
    rules = Rules(opening_auction_steps=1)
    exchange = Exchange(market_spec(rules=rules, step_ns=50), 2)
    exchange.submit_limit(0, SELL, 10, 2)
    assert kinds(exchange.submit_limit(1, BUY, 11, 3, lifetime_steps=2)) == [EventKind.ACCEPTED, EventKind.RESTED]
    assert (exchange.best_bid, exchange.best_ask) == (Decimal(11), Decimal(10))
    assert kinds(exchange.step()) == [EventKind.FILLED] * 2
    assert exchange.account(1).position == 2
    assert exchange.levels(BUY) == [Level(Decimal(11), Decimal(1), 1)]
    assert exchange.time_ns == 50
    assert kinds(exchange.step()) == [EventKind.EXPIRED]
    assert exchange.step().size == 0
    sold = exchange.submit_limit(0, SELL, 12, 1)
    exchange.submit_market(1, BUY, 1)
    assert int(sold["time_ns"][0]) == exchange.time_ns == 150


def test_closing_a_position_realizes_what_it_earned() -> None:
    exchange = Exchange(market_spec(), 2)
    exchange.submit_limit(0, SELL, 10, 2)
    exchange.submit_market(1, BUY, 2)
    exchange.submit_limit(0, BUY, "10.50", 1)
    exchange.submit_market(1, SELL, 1)
    assert exchange.account(1).realized == Decimal("0.5") == -exchange.account(0).realized


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: e.submit_limit(0, BUY, "10.005", 1), r"^price is 10\.005; .* multiple of the tick_size 0\.01$"),
        (lambda e: e.submit_limit(0, BUY, 10, 0.5), r"^quantity is 0\.5; .* multiple of the lot_size 1\.0$"),
        (lambda e: e.submit_market(0, BUY, "two"), r"^quantity is 'two'; it must be a number$"),
        (lambda e: e.submit_limit(0, BUY, float("nan"), 1), r"^price is nan; it must be"),
        (lambda e: e.submit_limit(0, BUY, float("inf"), 1), r"^price is inf; it must be"),
        (lambda e: e.submit_limit(0, BUY, 2**31, 1), r"^price is 2147483648; .* at most 21474836\.46 from zero$"),
        (lambda e: e.submit_market(0, BUY, 2**63), r"^quantity is 9223372036854775808; it must be at most"),
        (lambda e: e.submit_market(2, BUY, 1), r"^seat is 2; the exchange has seats 0 to 1$"),
        (lambda e: e.submit_limit(0, BUY, 10, 1, display=0.5), r"^display is 0\.5; .* multiple of the lot_size 1\.0$"),
        (lambda e: e.submit_stop(0, BUY, "9.999", 1), r"^trigger is 9\.999; .* multiple of the tick_size 0\.01$"),
        (lambda e: e.cancel(-1, 5), r"^seat is -1; the exchange has seats 0 to 1$"),
        (lambda e: e.account(7), r"^seat is 7; the exchange has seats 0 to 1$"),
        (lambda e: e.advance(-1), r"^nanoseconds is -1; it must be a whole number from 0 to 9223372036854775807$"),
        (lambda e: e.advance(1.5), r"^nanoseconds is 1\.5; it must be a whole number"),
        (lambda e: e.submit_limit(0, BUY, 10, 1, client_order_id=2**31), r"^client_order_id is 2147483648; it must be"),
        (lambda e: e.submit_stop(0, BUY, 11, 1, lifetime_steps=2**31), r"^lifetime_steps is 2147483648; it must be"),
        (lambda e: e.submit_limit(0, BUY, 10, 1, lifetime_steps=-1), r"^lifetime_steps is -1; it must be"),
        (lambda e: e.submit_limit(0, BUY, 10, 1, reduce_only=2), r"^reduce_only is 2; it must be true or false$"),
        (lambda e: e.submit_market(0, BUY, 1, time_in_force=9), r"^time_in_force is 9; it must be a TimeInForce"),
        (lambda e: e.submit_market(0, 2, 1), r"^side is 2; it must be Side\.BUY"),
        (lambda e: e.submit_market(0, "buy", 1), r"^side is 'buy'; it must be Side\.BUY"),
        (lambda e: e.submit_market(0, BUY, None), r"^quantity is None; it must be a number$"),
        (lambda e: e.submit_limit(0, BUY, [10], 1), r"^price is \[10\]; it must be a number$"),
        (lambda e: e.levels(0), r"^side is 0; it must be Side\.BUY"),
        (lambda e: e.cancel(0, 2**63), r"^order_id is 9223372036854775808; it must be"),
        (lambda e: e.replace(0, "a", 1, 1), r"^order_id is 'a'; it must be"),
        (lambda e: e.cancel(1.5, 5), r"^seat is 1\.5; the exchange has seats 0 to 1$"),
        (lambda e: e.account(float("nan")), r"^seat is nan; the exchange has seats 0 to 1$"),
        (lambda e: e.set_state(None), r"^state is None; it must be an ExchangeState$"),
        (lambda e: e.process([0], np.zeros(1, COMMAND)), r"^seats is \[0\]; it must be an array$"),
        (lambda e: e.process(np.array([np.nan]), np.zeros(1, COMMAND)), r"^seats is of float64; it must be of whole"),
        (lambda e: e.process(np.array([0]), np.zeros(1, COMMAND), np.array([-1])), r"^time_ns of command 0 is -1; it"),
        (
            lambda e: e.process(np.array([0, 0]), np.zeros(2, COMMAND), np.array([5, 4])),
            r"^time_ns of command 1 is 4; it must be 5 or later",
        ),
        (
            lambda e: e.process(np.array([0, 0]), np.zeros(2, COMMAND), np.array([2**63 - 1, -(2**63)])),
            r"^time_ns of command 1 is -9223372036854775808; it must be 9223372036854775807 or later",
        ),
    ],
)  # fmt: skip
def test_invalid_calls_raise_an_error_that_names_the_argument(call: Callable[[Exchange], Any], message: str) -> None:
    exchange = Exchange(market_spec(), 2)
    before = exchange.markets.tobytes()
    with pytest.raises(ValueError, match=message):
        call(exchange)
    assert exchange.markets.tobytes() == before


def test_a_stream_does_what_its_commands_do_one_by_one() -> None:
    seats, commands = random_stream(5, 6000)
    whole, single = Exchange(market_spec(), 5), Exchange(market_spec(), 5)
    events = whole.process(seats, commands)
    parts = [single.process(seats[i : i + 1], commands[i : i + 1]) for i in range(commands.size)]
    assert events.size > whole.markets["event"].shape[1], "the buffer was emptied on the way"
    assert event_digest(events) == event_digest(np.concatenate(parts))
    assert (events["kind"] == EventKind.FILLED).sum() > 1000
    for side in Side:
        assert whole.levels(side) == single.levels(side) != []
    assert [whole.account(seat) for seat in range(5)] == [single.account(seat) for seat in range(5)]
    counted = Exchange(market_spec(), 5)
    assert counted.process_uncollected(seats, commands) == events.size
    assert counted.levels(BUY) == whole.levels(BUY)


def test_a_stream_with_more_events_than_expected_loses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    seats, commands = random_stream(5, 8000)
    expected = Exchange(market_spec(), 5).process(seats, commands)
    monkeypatch.setattr(stream, "EVENTS_PER_COMMAND", 0)
    exchange = Exchange(market_spec(), 5)
    assert expected.size > 3 * exchange.markets["event"].shape[1], "there was room from the start"
    assert event_digest(exchange.process(seats, commands)) == event_digest(expected)


def test_the_largest_command_there_is_fits_the_buffer_at_any_moment() -> None:
    seats = CAPACITY_SEATS["small"]
    makers = np.repeat(np.arange(seats - 1), SEAT_ORDERS)
    commands = np.zeros(makers.size + 1, COMMAND)
    commands["kind"], commands["side"], commands["quantity_lots"] = CommandKind.LIMIT, SELL, 1
    commands["price_ticks"] = 1000
    commands[-1] = np.zeros(1, COMMAND)[0]
    commands[-1]["kind"], commands[-1]["side"] = CommandKind.MARKET, BUY
    commands[-1]["quantity_lots"] = 1 + makers.size
    exchange = Exchange(market_spec(), seats)
    for _ in range(3):
        events = exchange.process(np.append(makers, seats - 1), commands)
        assert events.size == 4 * makers.size + 2
    assert exchange.account(seats - 1).position == 3 * makers.size


def test_commands_arrive_at_their_own_times() -> None:
    seats, commands = random_stream(3, 4)
    commands["kind"] = CommandKind.LIMIT
    exchange = Exchange(market_spec(), 3)
    events = exchange.process(seats, commands, np.array([10, 10, 30, 45]))
    assert np.unique(events["time_ns"]).tolist() == [10, 30, 45]
    assert exchange.time_ns == 45


def test_a_stream_that_does_not_fit_raises_before_anything_is_processed() -> None:
    exchange = Exchange(market_spec(), 3)
    seats, commands = random_stream(3, 4)
    with pytest.raises(ValueError, match=r"^seat of command 2 is 3; the market has seats 0 to 2$"):
        exchange.process(np.array([0, 1, 3, 9]), commands)
    with pytest.raises(ValueError, match=r"shapes \(3,\), \(3,\) and \(4,\)"):
        exchange.process(seats[:3], commands)
    with pytest.raises(ValueError, match="commands are of int64; they must be of"):
        exchange.process(seats, np.zeros(4, np.int64))
    with pytest.raises(ValueError, match="markets has 2 records"):
        process_stream(np.repeat(exchange.markets, 2), seats, np.zeros(4, np.int64), commands)
    assert exchange.levels(BUY) == exchange.levels(SELL) == []


def test_an_exchange_has_the_seats_of_its_size_class_at_most() -> None:
    with pytest.raises(ValueError, match="has 16 seats, the population needs 17"):
        Exchange(market_spec(capacity="small"), 17)
