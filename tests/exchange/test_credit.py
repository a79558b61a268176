"""Credit checks in whole numbers: a lot at the mark of 1000 ticks has the value 10."""

from typing import Any

import pytest

from marl_market.exchange.codes import CommandKind, EventKind, Reason, TimeInForce
from marl_market.market.credit import Credit
from marl_market.market.fees import Fees
from marl_market.market.rules import Rules
from tests.builders import market_spec
from tests.venue import Venue

BUY, SELL = 1, -1
LIMIT, MARKET, STOP, STOP_LIMIT = CommandKind.LIMIT, CommandKind.MARKET, CommandKind.STOP, CommandKind.STOP_LIMIT


def venue_of(rules: Rules | None = None, **credit: Any) -> Venue:
    return Venue(4, market_spec(credit=Credit(**credit), fees=Fees(), rules=rules or Rules()))


def accepts(venue: Venue, seat: int, *command: int, **fields: int) -> bool:
    first = venue.send(seat, *command, **fields)[0]
    assert first.kind == EventKind.ACCEPTED or first.reason == Reason.INSUFFICIENT_FUNDS
    return first.kind == EventKind.ACCEPTED


def largest(kind: int, side: int, rules: Rules | None = None, **fields: int) -> int:
    """Return the largest order that a fresh account of 1000, at half of the value, can carry."""
    accepted = [
        lots
        for lots in range(1, 260)
        if accepts(venue_of(rules, initial_cash=1000, initial_margin=0.5), 0, kind, side, quantity_lots=lots, **fields)
    ]
    assert accepted == list(range(1, len(accepted) + 1))
    return len(accepted)


def test_an_order_needs_the_margin_at_its_price_and_beyond_the_mark_its_loss_too() -> None:
    assert largest(LIMIT, BUY, price_ticks=1000) == 200  # 5 a lot
    assert largest(LIMIT, BUY, price_ticks=800) == 250  # 4 a lot
    assert largest(LIMIT, BUY, price_ticks=1100) == 166  # 5 and a loss of 1
    assert largest(LIMIT, SELL, price_ticks=1000) == 200
    assert largest(LIMIT, SELL, price_ticks=1250) == 160  # 6.25 a lot
    assert largest(LIMIT, SELL, price_ticks=900) == 166


def test_orders_without_a_limit_are_reserved_at_the_mark_the_band_or_their_trigger() -> None:
    assert largest(MARKET, BUY) == largest(MARKET, SELL) == 200
    banded = Rules(price_band_ticks=100)
    assert largest(MARKET, BUY, banded) == largest(MARKET, SELL, banded) == 166
    assert largest(STOP, BUY, trigger_ticks=1100) == 166
    assert largest(STOP, SELL, trigger_ticks=900) == 166
    assert largest(STOP_LIMIT, BUY, trigger_ticks=900, price_ticks=1100) == 166
    assert largest(LIMIT, BUY, price_ticks=1100, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL) == 166


def test_the_largest_need_of_a_side_counts_for_all_and_sides_do_not_add_up() -> None:
    venue = venue_of(initial_cash=1000, initial_margin=0.5)
    assert accepts(venue, 0, LIMIT, BUY, 800, 100)
    assert accepts(venue, 0, LIMIT, SELL, 1000, 200)
    assert not accepts(venue, 0, LIMIT, BUY, 1000, 101)
    assert accepts(venue, 0, LIMIT, BUY, 1000, 100)
    assert not accepts(venue, 0, STOP, BUY, trigger_ticks=1, quantity_lots=1)
    venue.send(0, CommandKind.CANCEL_ALL)
    assert accepts(venue, 0, LIMIT, BUY, 1000, 200)


def test_what_closes_is_always_accepted_and_what_opens_beyond_it_is_not() -> None:
    venue = venue_of(initial_cash=1000, initial_margin=0.5)
    venue.limit(0, BUY, 1000, 200)
    venue.limit(1, SELL, 1000, 200)
    assert (venue.account(0)["position"], venue.account(1)["position"]) == (200, -200)
    venue.market["public"]["twice_mark_ticks"] = 1000  # half of it: all is lost
    assert not accepts(venue, 0, LIMIT, BUY, 1, 1)
    assert accepts(venue, 0, LIMIT, SELL, 1001, 150)
    assert not accepts(venue, 0, LIMIT, SELL, 1001, 51)
    assert accepts(venue, 0, LIMIT, SELL, 1001, 50)
    venue.market["public"]["twice_mark_ticks"] = 2000
    assert not accepts(venue, 0, LIMIT, SELL, 1001, 200)
    assert accepts(venue, 0, LIMIT, SELL, 1001, 199)  # 1000 of equity carry 199 lots at 5.005


def test_a_replaced_order_counts_in_the_place_of_the_old_one() -> None:
    venue = venue_of(initial_cash=1000, initial_margin=0.5)
    order = venue.limit(0, BUY, 1000, 200)

    def replace(price: int, lots: int) -> int:
        events = venue.send(0, CommandKind.REPLACE, price_ticks=price, quantity_lots=lots, order_id=order)
        return next(event.kind for event in events if event.kind != EventKind.CANCELED)

    assert replace(1000, 201) == EventKind.REJECTED
    assert replace(1010, 200) == EventKind.REJECTED
    assert venue.resting(0)[0].leaves_quantity == 200, "a rejected order changes nothing"
    assert replace(800, 250) == EventKind.REPLACED
    venue.market["public"]["twice_mark_ticks"] = 500
    assert replace(799, 250) == EventKind.REJECTED
    assert replace(800, 249) == EventKind.REPLACED, "less of itself at its price"
    venue.market["public"]["twice_mark_ticks"] = 2000
    stop = venue.send(1, STOP, BUY, trigger_ticks=1100, quantity_lots=166)[0].order_id
    fields = {"trigger_ticks": 1103, "sets_trigger": 1, "quantity_lots": 166, "order_id": stop}
    assert venue.send(1, CommandKind.REPLACE, **fields)[0].reason == Reason.INSUFFICIENT_FUNDS
    fields["trigger_ticks"] = 1102
    assert venue.send(1, CommandKind.REPLACE, **fields)[0].kind == EventKind.REPLACED


def test_a_cash_account_spends_what_it_has_to_the_last_unit() -> None:
    venue = venue_of(initial_cash=1000, initial_units=20, initial_margin=1, short_limit=0)
    assert accepts(venue, 0, LIMIT, BUY, 1000, 40)
    assert accepts(venue, 0, LIMIT, BUY, 990, 60)
    assert not accepts(venue, 0, LIMIT, BUY, 900, 1)
    assert venue.send(1, LIMIT, SELL, 990, 21)[0].reason == Reason.SHORT_LIMIT
    for seat in range(1, 4):
        assert accepts(venue, seat, LIMIT, SELL, 990, 20)
    assert int(venue.account(0)["cash"]) == -(400 + 198) * 10**6
    assert venue.send(1, MARKET, SELL, quantity_lots=1)[0].reason == Reason.SHORT_LIMIT


def test_all_open_orders_to_sell_count_against_the_short_limit() -> None:
    venue = venue_of(initial_units=5, short_limit=30)
    venue.limit(0, SELL, 1001, 10)
    venue.send(0, STOP, SELL, trigger_ticks=900, quantity_lots=10)
    order = venue.limit(0, SELL, 1002, 15, display_lots=1)
    assert order > 0
    for command in ((LIMIT, SELL, 1003, 1), (MARKET, SELL, 0, 1)):
        assert venue.send(0, *command)[0].reason == Reason.SHORT_LIMIT
    fields = {"price_ticks": 1003, "order_id": order}
    assert venue.send(0, CommandKind.REPLACE, quantity_lots=16, **fields)[0].reason == Reason.SHORT_LIMIT
    assert venue.send(0, CommandKind.REPLACE, quantity_lots=15, **fields)[1].kind == EventKind.REPLACED
    venue.limit(1, BUY, 1003, 25)
    assert int(venue.account(0)["position"]) == -25
    assert venue.send(0, LIMIT, SELL, 1003, 1)[0].reason == Reason.SHORT_LIMIT
    assert venue.limit(1, SELL, 1003, 60) > 0, "a seat that has bought 25 besides its 5 initial units may sell 60"
    assert venue.send(1, LIMIT, SELL, 1003, 1)[0].reason == Reason.SHORT_LIMIT


@pytest.mark.parametrize("side", [BUY, SELL])
def test_values_beyond_all_bounds_are_rejected_and_not_wrapped(side: int) -> None:
    venue = venue_of(initial_cash=1000, initial_margin=1e-6)
    most = int(venue.market["maximum_notional"]) // 2**31
    for price in (2**31 - 1, -(2**31) + 1):
        venue.market["public"]["twice_mark_ticks"] = 2 * price
        for _ in range(3):
            assert not accepts(venue, 0, LIMIT, side, price, most)
