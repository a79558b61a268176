import numpy as np
import pytest

from marl_market.exchange.codes import CommandKind, EventKind, Liquidity, Reason
from marl_market.exchange.records import SEAT_ORDERS
from marl_market.market.fees import Fees
from marl_market.market.limits import LARGEST_AMOUNT
from tests.builders import market_spec
from tests.venue import Venue

BUY, SELL = 1, -1
BIDS, ASKS = 0, 1


def test_a_resting_order_is_accepted_and_rested_with_all_it_was_sent_with() -> None:
    accepted, rested = Venue().send(2, CommandKind.LIMIT, BUY, 1000, 7, client_order_id=41)
    assert (accepted.kind, rested.kind) == (EventKind.ACCEPTED, EventKind.RESTED)
    for event in (accepted, rested):
        assert (event.seat, event.side, event.price_ticks, event.quantity_lots) == (2, BUY, 1000, 7)
        assert (event.leaves_quantity, event.client_order_id, event.trade_id, event.liquidity) == (7, 41, 0, 0)
    assert accepted.order_id == rested.order_id > 0


def test_both_sides_of_a_fill_share_a_trade_at_the_resting_price() -> None:
    venue = Venue()
    resting = venue.limit(0, SELL, 1003, 5)
    accepted, maker, taker = venue.send(1, CommandKind.LIMIT, BUY, 1010, 2, client_order_id=9)
    assert maker.trade_id == taker.trade_id == 1
    assert (maker.seat, maker.side, maker.liquidity, maker.order_id) == (0, SELL, Liquidity.MAKER, resting)
    assert (taker.seat, taker.side, taker.liquidity, taker.order_id) == (1, BUY, Liquidity.TAKER, accepted.order_id)
    assert maker.price_ticks == taker.price_ticks == 1003
    assert (maker.quantity_lots, maker.leaves_quantity) == (2, 3)
    assert (taker.quantity_lots, taker.leaves_quantity, taker.client_order_id) == (2, 0, 9)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_better_prices_fill_first_and_at_one_price_the_earlier_order(side: int) -> None:
    venue = Venue()
    second = [venue.limit(seat, -side, 1000 + side, 4) for seat in (2, 0, 1)]
    first = venue.limit(0, -side, 1000, 4)
    makers = [event.order_id for event in venue.take(3, side, 14) if event.liquidity == Liquidity.MAKER]
    assert makers == [first, *second]
    (left,) = venue.resting((1 + side) // 2)
    assert (left.order_id, left.leaves_quantity) == (second[-1], 2)


def test_a_partial_fill_keeps_its_place_in_the_queue() -> None:
    venue = Venue()
    first, second = venue.limit(0, SELL, 1000, 5), venue.limit(1, SELL, 1000, 5)
    venue.take(2, BUY, 3)
    assert [order.order_id for order in venue.resting(ASKS)] == [first, second]


def test_a_limit_order_stops_at_its_price_and_rests_there() -> None:
    venue = Venue()
    venue.limit(0, SELL, 1000, 5)
    venue.limit(0, SELL, 1001, 5)
    events = venue.send(1, CommandKind.LIMIT, BUY, 1000, 8)
    assert [event.kind for event in events] == [
        EventKind.ACCEPTED,
        EventKind.FILLED,
        EventKind.FILLED,
        EventKind.RESTED,
    ]
    assert [(order.price_ticks, order.leaves_quantity) for order in venue.resting(BIDS)] == [(1000, 3)]
    assert [order.price_ticks for order in venue.resting(ASKS)] == [1001]


def test_what_a_market_order_does_not_find_is_canceled() -> None:
    venue = Venue()
    venue.limit(0, BUY, 1000, 5)
    *_, last = venue.take(1, SELL, 9)
    assert (last.kind, last.reason) == (EventKind.CANCELED, Reason.NO_LIQUIDITY)
    assert (last.quantity_lots, last.leaves_quantity) == (4, 0)
    assert venue.resting(BIDS) == venue.resting(ASKS) == []


def test_a_seat_never_trades_with_itself_its_resting_order_gives_way() -> None:
    venue = Venue()
    own = venue.limit(0, SELL, 1000, 5)
    other = venue.limit(1, SELL, 1000, 5)
    events = venue.take(0, BUY, 5)
    assert [(event.kind, event.reason, event.order_id) for event in events[1:3]] == [
        (EventKind.CANCELED, Reason.SELF_TRADE, own),
        (EventKind.FILLED, Reason.NONE, other),
    ]
    assert venue.account(0)["position"] == 5
    assert venue.account(0)["trades"] == 1
    assert venue.resting(ASKS) == []


@pytest.mark.parametrize(
    ("side", "price", "quantity", "reason"),
    [
        (0, 1000, 1, Reason.SIDE_UNKNOWN),
        (2, 1000, 1, Reason.SIDE_UNKNOWN),
        (BUY, 1000, 0, Reason.QUANTITY_NOT_POSITIVE),
        (BUY, 1000, -(2**63), Reason.QUANTITY_NOT_POSITIVE),
        (BUY, 1000, 2**63 - 1, Reason.QUANTITY_ABOVE_MAXIMUM),
        (SELL, -(2**31), 1, Reason.PRICE_OUT_OF_RANGE),
    ],
)
def test_a_bad_order_is_rejected_with_its_reason_and_changes_nothing(
    side: int, price: int, quantity: int, reason: Reason
) -> None:
    venue = Venue()
    venue.limit(1, BUY, 999, 3)
    venue.limit(1, SELL, 1001, 3)
    before = np.frombuffer(venue.markets.tobytes(), venue.markets.dtype)[0]  # a copy would lose what is between fields
    (event,) = venue.send(0, CommandKind.LIMIT, side, price, quantity, client_order_id=5)
    assert (event.kind, event.reason, event.order_id, event.client_order_id) == (EventKind.REJECTED, reason, 0, 5)
    assert venue.account(0)["rejected"] == 1
    for name in ("book", "public", "trade_sequence", "fees_collected"):
        assert venue.market[name].tobytes() == before[name].tobytes()
    assert np.argwhere(venue.market["seat"]["rejections"]).tolist() == [[0, reason]]
    assert venue.market["seat"]["rejections"][0, reason] == 1
    venue.account(0)["rejected"] = 0
    venue.market["seat"]["rejections"] = 0
    assert venue.market["seat"].tobytes() == before["seat"].tobytes()


def test_the_largest_quantity_is_accepted_and_one_more_is_not() -> None:
    venue = Venue()
    largest = int(venue.market["maximum_quantity"])
    assert venue.limit(0, BUY, 1, largest) > 0
    assert venue.send(0, CommandKind.LIMIT, BUY, 1, largest + 1)[0].reason == Reason.QUANTITY_ABOVE_MAXIMUM


@pytest.mark.parametrize("price", [1000, -1000, 2**31 - 1])
def test_the_largest_notional_is_accepted_and_one_lot_more_is_not(price: int) -> None:
    venue = Venue()
    largest = LARGEST_AMOUNT // 4 // venue.spec.cash_per_tick_lot // abs(price)
    order = venue.limit(0, BUY, price, largest)
    assert order > 0
    for command in ((CommandKind.LIMIT, SELL, price, largest + 1), (CommandKind.STOP_LIMIT, BUY, price, largest + 1)):
        assert venue.send(1, *command)[0].reason == Reason.NOTIONAL_ABOVE_MAXIMUM
    fields = {"order_id": order, "price_ticks": price, "quantity_lots": largest + 1}
    assert venue.send(0, CommandKind.REPLACE, **fields)[0].reason == Reason.NOTIONAL_ABOVE_MAXIMUM
    assert venue.send(1, CommandKind.MARKET, SELL, price, largest + 1)[0].kind == EventKind.ACCEPTED


@pytest.mark.parametrize("kind", [CommandKind.STOP, CommandKind.STOP_LIMIT])
def test_the_largest_notional_at_the_trigger_is_accepted_and_one_lot_more_is_not(kind: CommandKind) -> None:
    venue = Venue()
    trigger = 2**31 - 1
    largest = LARGEST_AMOUNT // 4 // venue.spec.cash_per_tick_lot // trigger
    fields = {"price_ticks": 1, "trigger_ticks": trigger}
    too_much = venue.send(0, kind, BUY, quantity_lots=largest + 1, **fields)
    assert [event.reason for event in too_much] == [Reason.NOTIONAL_ABOVE_MAXIMUM]
    (accepted,) = venue.send(0, kind, BUY, quantity_lots=largest, **fields)
    assert accepted.kind == EventKind.ACCEPTED
    replacement = {"order_id": accepted.order_id, "price_ticks": 1, "quantity_lots": largest + 1}
    for changes in ({}, {"sets_trigger": 1, "trigger_ticks": trigger}):
        (rejected,) = venue.send(0, CommandKind.REPLACE, **replacement, **changes)
        assert rejected.reason == Reason.NOTIONAL_ABOVE_MAXIMUM
    (replaced,) = venue.send(0, CommandKind.REPLACE, **replacement, sets_trigger=1, trigger_ticks=2000)
    assert replaced.kind == EventKind.REPLACED


def test_a_market_order_needs_no_price_and_no_free_place() -> None:
    venue = Venue()
    for _ in range(SEAT_ORDERS):
        assert venue.limit(0, BUY, 900, 1) > 0
    (event,) = venue.send(0, CommandKind.LIMIT, BUY, 900, 1)
    assert event.reason == Reason.TOO_MANY_ORDERS
    assert venue.send(0, CommandKind.LIMIT, SELL, 901, 1)[0].reason == Reason.TOO_MANY_ORDERS
    venue.limit(1, SELL, 1000, 2)
    taken = venue.send(0, CommandKind.MARKET, BUY, -(2**31), 2)
    assert [event.kind for event in taken] == [EventKind.ACCEPTED, EventKind.FILLED, EventKind.FILLED]
    venue.send(0, CommandKind.CANCEL, order_id=venue.resting(BIDS)[0].order_id)
    assert venue.limit(0, BUY, 900, 1) > 0


def test_cancels_reach_only_open_orders_of_their_own_seat() -> None:
    venue = Venue()
    order = venue.limit(0, BUY, 1000, 5)
    for seat, order_id in ((1, order), (0, order + 1), (0, order + 2**20), (0, 0), (0, -1), (0, 2**63 - 1)):
        (event,) = venue.send(seat, CommandKind.CANCEL, order_id=order_id)
        assert (event.kind, event.reason, event.order_id) == (EventKind.REJECTED, Reason.ORDER_UNKNOWN, order_id)
    (event,) = venue.send(0, CommandKind.CANCEL, order_id=order)
    assert (event.kind, event.reason, event.quantity_lots) == (EventKind.CANCELED, Reason.BY_OWNER, 5)
    assert venue.send(0, CommandKind.CANCEL, order_id=order)[0].reason == Reason.ORDER_UNKNOWN


def test_the_id_of_an_order_that_is_gone_does_not_reach_the_next_one_in_its_place() -> None:
    venue = Venue()
    gone = venue.limit(0, BUY, 1000, 5)
    venue.take(1, SELL, 5)
    heir = venue.limit(0, BUY, 1000, 5)
    assert gone % 2**20 == heir % 2**20, "the place must be used again, or this tests nothing"
    assert venue.send(0, CommandKind.CANCEL, order_id=gone)[0].reason == Reason.ORDER_UNKNOWN
    assert [order.order_id for order in venue.resting(BIDS)] == [heir]


def test_cancel_all_takes_only_the_own_orders_and_is_no_error_without_any() -> None:
    venue = Venue()
    mine = {venue.limit(0, side, 1000 - side * step, 2) for side in (BUY, SELL) for step in (1, 2)}
    other = venue.limit(1, BUY, 998, 2)
    events = venue.send(0, CommandKind.CANCEL_ALL)
    assert {event.order_id for event in events} == mine
    assert {event.reason for event in events} == {Reason.BY_OWNER}
    assert [order.order_id for order in venue.resting(BIDS)] == [other]
    assert venue.send(0, CommandKind.CANCEL_ALL) == []


@pytest.mark.parametrize("kind", [0, 8, -1])
def test_an_unknown_command_is_rejected(kind: int) -> None:
    (event,) = Venue().send(0, kind, BUY, 1000, 5, order_id=77, client_order_id=3)
    assert (event.kind, event.reason) == (EventKind.REJECTED, Reason.COMMAND_UNKNOWN)
    assert (event.order_id, event.client_order_id) == (77, 3)


@pytest.mark.parametrize("price", [2**31 - 1, 2**31 - 2, 1, 0, -1, -(2**31) + 1])
@pytest.mark.parametrize("side", [BUY, SELL])
def test_any_price_above_the_smallest_int32_can_be_quoted_and_hit(price: int, side: int) -> None:
    venue = Venue(spec=market_spec(fees=Fees(maker_rate=0.001)))
    venue.limit(0, side, price, 3)
    venue.take(1, -side, 3)
    assert venue.account(0)["position"] == 3 * side
    notional = price * 3 * venue.spec.cash_per_tick_lot
    assert venue.account(0)["cash"] == -side * notional - abs(notional) * 10**6 // 10**9
    assert venue.account(1)["cash"] == side * notional


def test_open_lots_follow_each_side() -> None:
    venue = Venue()
    venue.limit(0, BUY, 1000, 5)
    bid = venue.limit(0, BUY, 999, 4)
    venue.limit(0, SELL, 1002, 7)
    venue.take(1, SELL, 2)
    venue.take(1, BUY, 7)
    assert venue.account(0)["open_lots"].tolist() == [7, 0]
    venue.send(0, CommandKind.CANCEL, order_id=bid)
    assert venue.account(0)["open_lots"].tolist() == [3, 0]


def test_the_public_tape_counts_what_aggressors_took() -> None:
    venue = Venue()
    venue.limit(0, BUY, 999, 5)
    venue.limit(0, SELL, 1001, 5)
    venue.take(1, BUY, 3)
    venue.take(1, SELL, 4)
    public = venue.market["public"]
    assert public["step_lots"].tolist() == [3, 4]
    assert (public["step_trades"], public["session_lots"]) == (2, 7)
    assert (public["last_trade_ticks"], public["last_aggressor_side"]) == (999, SELL)


def test_events_carry_the_time_of_the_market() -> None:
    venue = Venue()
    venue.market["time_ns"] = 12_345
    events = venue.send(0, CommandKind.LIMIT, BUY, 1000, 1) + venue.take(1, SELL, 1)
    assert {event.time_ns for event in events} == {12_345}
    assert venue.market["seat"]["time_of_last_fill_ns"][:2].tolist() == [12_345, 12_345]
    assert not np.any(venue.market["seat"]["time_of_last_fill_ns"][2:])
