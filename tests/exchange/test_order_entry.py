from typing import Any

import pytest

from marl_market.exchange.codes import CommandKind, EventKind, PublicKind, Reason, TimeInForce
from marl_market.exchange.market_history import update_history
from marl_market.exchange.records import ASKS, BIDS, BUY_STOPS, SEAT_REFRESHES, SELL_STOPS
from marl_market.market.rules import Rules
from tests.builders import market_spec
from tests.venue import Event, Resting, Venue

BUY, SELL = 1, -1


def ruled(**rules: Any) -> Venue:
    return Venue(spec=market_spec(rules=Rules(**rules)))


def kinds(events: list[Event]) -> list[int]:
    return [event.kind for event in events]


def test_an_iceberg_shows_its_display_and_refreshes_behind_the_others() -> None:
    venue = Venue()
    iceberg, other = venue.limit(0, SELL, 1000, 5, display_lots=2), venue.limit(1, SELL, 1000, 4)
    assert venue.resting(ASKS) == [Resting(iceberg, 0, 1000, 2, 3), Resting(other, 1, 1000, 4)]
    *_, rested = venue.take(2, BUY, 2)
    assert (rested.kind, rested.order_id, rested.quantity_lots, rested.leaves_quantity) == (
        EventKind.RESTED,
        iceberg,
        2,
        3,
    )
    assert venue.resting(ASKS) == [Resting(other, 1, 1000, 4), Resting(iceberg, 0, 1000, 2, 1)]


def test_a_seat_hides_nothing_more_when_its_icebergs_have_refreshed_often_enough_in_a_step() -> None:
    venue = Venue()
    iceberg = venue.limit(0, SELL, 1000, 50, display_lots=1)
    venue.take(1, BUY, SEAT_REFRESHES)
    assert venue.resting(ASKS) == [Resting(iceberg, 0, 1000, 1, 49 - SEAT_REFRESHES)]
    venue.step()
    venue.take(1, BUY, SEAT_REFRESHES)
    assert venue.resting(ASKS) == [Resting(iceberg, 0, 1000, 1, 49 - 2 * SEAT_REFRESHES)]
    venue.take(1, BUY, 1)
    assert venue.resting(ASKS) == [Resting(iceberg, 0, 1000, 49 - 2 * SEAT_REFRESHES, 0)]


@pytest.mark.parametrize(
    ("self_trade", "reason"),
    [
        ("cancel_resting", Reason.NONE),
        ("cancel_incoming", Reason.CANNOT_FILL_ALL),
        ("decrement", Reason.CANNOT_FILL_ALL),
        ("allow", Reason.NONE),
    ],
)
def test_all_or_nothing_means_all_even_where_an_own_order_stands_before_hidden_quantity(
    self_trade: str, reason: Reason
) -> None:
    venue = ruled(self_trade=self_trade)
    venue.limit(0, SELL, 1000, 9, display_lots=1)
    venue.limit(1, SELL, 1000, 5)
    events = venue.send(1, CommandKind.LIMIT, BUY, 1000, 6, time_in_force=TimeInForce.FILL_OR_KILL)
    assert events[0].reason == reason
    assert reason != Reason.NONE or events[-1].leaves_quantity == 0 or events[-1].kind == EventKind.RESTED


def test_stops_wake_the_nearest_trigger_first_buys_before_sells_and_each_other() -> None:
    venue = Venue()
    far = venue.send(0, CommandKind.STOP, BUY, quantity_lots=1, trigger_ticks=1003)[0].order_id
    near = venue.send(0, CommandKind.STOP, BUY, quantity_lots=1, trigger_ticks=1002)[0].order_id
    sell = venue.send(1, CommandKind.STOP_LIMIT, SELL, 1001, 1, trigger_ticks=999)[0].order_id
    assert [order.order_id for order in venue.resting(BUY_STOPS)] == [near, far]
    assert [order.order_id for order in venue.resting(SELL_STOPS)] == [sell]
    for price in (1002, 1003, 1004):
        venue.limit(2, SELL, price, 1)
    events = venue.take(3, BUY, 1)
    assert [event.order_id for event in events if event.kind == EventKind.TRIGGERED] == [near, far]
    assert venue.market["public"]["last_trade_ticks"] == 1004
    assert venue.resting(BUY_STOPS) == []
    venue.limit(2, BUY, 999, 1)
    assert kinds(venue.take(3, SELL, 1))[-2:] == [EventKind.TRIGGERED, EventKind.RESTED]


def test_a_replaced_order_keeps_its_place_only_for_less_at_the_same_price() -> None:
    venue = Venue()
    first, second = venue.limit(0, BUY, 1000, 5), venue.limit(1, BUY, 1000, 5)
    less = venue.send(0, CommandKind.REPLACE, 0, 1000, 3, first)
    assert kinds(less) == [EventKind.CANCELED, EventKind.REPLACED]
    assert (less[0].reason, less[0].quantity_lots, less[0].leaves_quantity) == (Reason.REPLACED, 2, 3)
    assert [order.order_id for order in venue.resting(BIDS)] == [first, second]
    venue.send(0, CommandKind.REPLACE, 0, 1000, 4, first)
    assert [order.order_id for order in venue.resting(BIDS)] == [second, first]
    venue.send(1, CommandKind.REPLACE, 0, 999, 1, second)
    assert venue.resting(BIDS) == [Resting(first, 0, 1000, 4), Resting(second, 1, 999, 1)]


def test_a_waiting_stop_cannot_be_given_a_trigger_that_no_price_can_have() -> None:
    venue = Venue()
    stop = venue.send(0, CommandKind.STOP, BUY, quantity_lots=1, trigger_ticks=1003)[0].order_id
    (event,) = venue.send(0, CommandKind.REPLACE, 0, 0, 1, stop, trigger_ticks=-(2**31), sets_trigger=1)
    assert event.reason == Reason.PRICE_OUT_OF_RANGE
    assert venue.resting(BUY_STOPS) == [Resting(stop, 0, 1003, 1)]


@pytest.mark.parametrize(("side", "inside", "outside"), [(BUY, 1003, 1004), (SELL, 998, 997)])
def test_a_price_band_around_half_a_tick_binds_market_orders_on_both_sides_alike(
    side: int, inside: int, outside: int
) -> None:
    venue = ruled(price_band_ticks=3)
    venue.limit(0, BUY, 1000, 1)
    venue.limit(0, SELL, 1001, 1)
    venue.step()  # the reference price is 1000.5 now
    assert venue.send(1, CommandKind.LIMIT, -side, outside, 1)[0].reason == Reason.OUTSIDE_PRICE_BAND
    assert venue.limit(1, -side, inside, 1) > 0
    venue.market["public"]["reference_ticks"] += side
    assert venue.limit(1, -side, outside, 1) > 0
    venue.market["public"]["reference_ticks"] -= side
    *_, last = venue.take(2, side, 3)
    assert (last.kind, last.quantity_lots) == (EventKind.CANCELED, 1)


def test_what_never_rested_in_the_book_is_no_public_cancel() -> None:
    venue = ruled(self_trade="cancel_incoming")
    venue.limit(0, SELL, 1000, 5)
    venue.send(0, CommandKind.STOP, BUY, quantity_lots=1, trigger_ticks=1100)
    venue.market["event_count"] = 0
    venue.append(0, CommandKind.LIMIT, BUY, 1000, 2)
    venue.append(0, CommandKind.CANCEL_ALL)
    update_history(venue.market)
    public = venue.market["public"]
    published = public["event"][: public["event_count"]]
    assert [(int(row["kind"]), int(row["side"]), int(row["quantity_lots"])) for row in published] == [
        (PublicKind.CANCEL, SELL, 5)
    ]


def test_a_waiting_stop_keeps_the_time_at_which_it_came() -> None:
    venue = Venue()
    venue.market["time_ns"] = 12_345
    accepted, *_ = venue.send(0, CommandKind.STOP, BUY, 0, 3, trigger_ticks=1010)
    venue.market["time_ns"] = 20_000
    venue.send(0, CommandKind.REPLACE, BUY, 0, 2, accepted.order_id, trigger_ticks=1011, sets_trigger=1)
    slot = accepted.order_id % 32
    assert int(venue.market["seat"][0]["order"][slot]["time_ns"]) == 12_345
    assert venue.resting(BUY_STOPS) == [Resting(accepted.order_id, 0, 1011, 2, 0)]
